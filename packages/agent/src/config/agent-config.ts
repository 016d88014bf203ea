import { CodedError } from '@moult/core/errors';
import { LABELS_MAX, type Labels, labelTrouble } from '@moult/core/labels';
import type { Layout } from '@moult/core/layout';
import { byteCountOf, durationMsOf } from '@moult/core/task';
import { type ConfigSchema, type ConfigValues, readConfig } from '@moult/runtime/config';
import type { LogLevel } from '@moult/runtime/logger';
import { coordinatorUrl } from '../address.ts';
import { OUTBOX_LIMITS, type OutboxLimits } from '../database/index.ts';
import { type ProxySettings, proxySettingsIn } from './proxy-settings.ts';

export interface AgentConfigSchema extends ConfigSchema {
  readonly coordinator: { readonly kind: 'string' };
  readonly name: { readonly kind: 'string' };
  readonly instance: { readonly kind: 'string' };
  readonly bindsChannel: { readonly kind: 'boolean'; readonly default: boolean };
  readonly proxy: { readonly kind: 'string'; readonly isSecret: true };
  readonly proxyPasswordFile: { readonly kind: 'string' };
  readonly drainLimit: { readonly kind: 'string' };
  readonly preflight: { readonly kind: 'boolean'; readonly default: boolean };
  readonly outboxBytes: { readonly kind: 'string' };
  readonly outboxAge: { readonly kind: 'string' };
  readonly labels: { readonly kind: 'texts' };
  readonly logLevel: {
    readonly kind: 'enum';
    readonly values: readonly LogLevel[];
    readonly default: LogLevel;
  };
}

export const AGENT_CONFIG: AgentConfigSchema = {
  /** Address of the coordinator. */
  coordinator: { kind: 'string' },
  /** The agent's name; instances of one agent share it. */
  name: { kind: 'string' },
  /** Id that enrollment gave. */
  instance: { kind: 'string' },
  /** Proofs carry the TLS exporter value: fixed at enrollment. */
  bindsChannel: { kind: 'boolean', default: false },
  /** An HTTP proxy between this host and its coordinator, `http://[user[:password]@]host:port`. */
  proxy: { kind: 'string', isSecret: true },
  /** Holds the password for the proxy; read again before each connection. */
  proxyPasswordFile: { kind: 'string' },
  /** How long an upgrade, or a restart, waits for tasks that run, such as `30m`; without it as long as they do. */
  drainLimit: { kind: 'string' },
  /** The test before each upgrade; without it a version that cannot serve here is found out by its trial only. */
  preflight: { kind: 'boolean', default: true },
  /** How much output waits for the coordinator, such as `1GiB`; the oldest makes place for more. */
  outboxBytes: { kind: 'string' },
  /** How long it waits, such as `30d`. */
  outboxAge: { kind: 'string' },
  /** Words to select it by, such as `role: db`. */
  labels: { kind: 'texts' },
  logLevel: { kind: 'enum', values: ['debug', 'info', 'warn', 'error'], default: 'info' },
};

export interface AgentConfig {
  readonly coordinator: URL;
  readonly name: string;
  readonly instanceId: string;
  readonly bindsChannel: boolean;
  /** Null: none stands between. */
  readonly proxy: ProxySettings | null;
  /** Null: none. */
  readonly drainLimitMs: number | null;
  readonly isPreflightOff: boolean;
  readonly outboxLimits: OutboxLimits;
  readonly labels: Labels;
  readonly logLevel: LogLevel;
}

export interface AgentConfigSource {
  readonly layout: Layout;
  readonly flags?: Readonly<Record<string, string | boolean | undefined>>;
  readonly environment?: (name: string) => string | null;
}

/** Throws `config-invalid`, `coordinator-insecure`, or `not-enrolled` where enrollment has not written its part. */
export async function readAgentConfig(source: AgentConfigSource): Promise<AgentConfig> {
  const values = await readAgentValues(source);
  const { coordinator, name, instance } = values;
  if (coordinator === null || name === null || instance === null) {
    const missing = Object.entries({ coordinator, name, instance })
      .filter(([, value]) => value === null)
      .map(([key]) => key);
    const path = source.layout.agentConfigPath;
    throw new CodedError('not-enrolled', `${path} does not say ${missing.join(', ')}`);
  }
  return {
    coordinator: coordinatorUrl(coordinator),
    name,
    instanceId: instance,
    bindsChannel: values.bindsChannel ?? false,
    proxy: proxySettingsIn(values),
    drainLimitMs: drainLimitMsIn(values.drainLimit),
    isPreflightOff: values.preflight === false,
    outboxLimits: outboxLimitsIn(values),
    labels: labelsIn(values.labels ?? {}),
    logLevel: (values.logLevel ?? 'info') as LogLevel,
  };
}

export function readAgentValues(
  source: AgentConfigSource,
): Promise<ConfigValues<AgentConfigSchema>> {
  return readConfig({
    schema: AGENT_CONFIG,
    filePath: source.layout.agentConfigPath,
    ...(source.flags === undefined ? {} : { flags: source.flags }),
    ...(source.environment === undefined ? {} : { environment: source.environment }),
  });
}

function drainLimitMsIn(text: string | null): number | null {
  if (text === null) return null;
  const limitMs = durationMsOf(text);
  if (limitMs !== null) return limitMs;
  throw new CodedError(
    'config-invalid',
    `drainLimit must be a time such as 90s, 30m or 2h, not ${JSON.stringify(text)}`,
  );
}

function labelsIn(labels: Labels): Labels {
  const entries = Object.entries(labels);
  if (entries.length > LABELS_MAX) {
    throw new CodedError(
      'config-invalid',
      `labels are ${entries.length}, and at most ${LABELS_MAX} are taken`,
    );
  }
  for (const [name, value] of entries) {
    const trouble = labelTrouble(name, value);
    if (trouble !== null) throw new CodedError('config-invalid', `labels: ${trouble}`);
  }
  return labels;
}

/** What is on its way is never dropped: with less there would be no room for anything else. */
const OUTBOX_BYTES_MIN = 16 * 1_048_576;

function outboxLimitsIn(values: ConfigValues<AgentConfigSchema>): OutboxLimits {
  const { outboxBytes, outboxAge } = values;
  const bytesMax = outboxBytes === null ? OUTBOX_LIMITS.bytesMax : byteCountOf(outboxBytes);
  if (bytesMax === null || bytesMax < OUTBOX_BYTES_MIN) {
    throw new CodedError(
      'config-invalid',
      `outboxBytes must be a size such as 512MiB, 16MiB at least, not ${JSON.stringify(outboxBytes)}`,
    );
  }
  const ageMsMax = outboxAge === null ? OUTBOX_LIMITS.ageMsMax : durationMsOf(outboxAge);
  if (ageMsMax === null || ageMsMax === 0) {
    throw new CodedError(
      'config-invalid',
      `outboxAge must be a time such as 12h or 30d, not ${JSON.stringify(outboxAge)}`,
    );
  }
  return { bytesMax, ageMsMax };
}
