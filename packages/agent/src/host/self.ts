import { readFileSync } from 'node:fs';
import { hostname, release, type } from 'node:os';
import { CodedError } from '@moult/core/errors';
import { type Platform, platformOf } from '@moult/core/platform';
import type { AgentConfig } from '../config/agent-config.ts';
import type { IdentityKey } from '../identity-key.ts';
import type { Self } from '../ports.ts';

export function ownPlatform(): Platform {
  const platform = platformOf({ os: process.platform, arch: process.arch });
  if (platform !== null) return platform;
  const name = `${process.platform}-${process.arch}`;
  throw new CodedError('release-no-platform', `no releases are made for ${name}`);
}

export function createSelf(config: AgentConfig, key: IdentityKey): Self {
  return {
    instanceId: config.instanceId,
    agentName: config.name,
    platform: ownPlatform(),
    bootId: bootId(),
    facts: [
      { name: 'host', value: hostname() },
      { name: 'system', value: type() },
      { name: 'kernel', value: release() },
    ],
    labels: config.labels,
    bindsChannel: config.bindsChannel,
    sign: (text) => key.sign(text),
  };
}

/** Of the kernel: changes with each boot of the host. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
