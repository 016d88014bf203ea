/* Puts the real world together for an agent that serves. */

import { closeSync, fchmodSync, openSync } from 'node:fs';
import { CodedError } from '@moult/core/errors';
import type { Layout } from '@moult/core/layout';
import { type Clock, systemClock } from '@moult/runtime/clock';
import { makeDirectoryDurably } from '@moult/runtime/files';
import type { Logger } from '@moult/runtime/logger';
import { systemRandom } from '@moult/runtime/random';
import type { ReadWay } from '@moult/runtime/way';
import { baseUrlOf, sessionUrlOf } from './address.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { openStore } from './database/index.ts';
import { createDiskFacts } from './host/disk-facts.ts';
import { createSelf } from './host/self.ts';
import { createSlots } from './host/slots.ts';
import { createTrust } from './host/trust.ts';
import { createReadWay } from './host/way.ts';
import { readIdentityKey } from './identity-key.ts';
import { createOutputSocket } from './output/socket.ts';
import { createOwnerFiles } from './owner/files.ts';
import type { LogLines } from './owner/log-lines.ts';
import { createOwnerSocket } from './owner/socket.ts';
import type { AgentPorts, LauncherChannel, Self, Timetable, Transport, Trust } from './ports.ts';
import type { CarrierKind } from './session/fallback.ts';
import { FallbackTransport } from './session/fallback-transport.ts';
import { createHttpsTransport } from './session/https-transport.ts';
import { createWsTransport, type WsTransport } from './session/ws-transport.ts';
import { createPrograms } from './tasks/programs.ts';
import { troubleOfSchedule } from './tasks/task-list.ts';
import { createTasksFile } from './tasks/tasks-file.ts';
import { pause } from './waiting.ts';

export interface HostParts {
  readonly clock: Clock;
  readonly self: Self;
  readonly transports: Readonly<Record<CarrierKind, Transport>> & {
    readonly 'web-socket': WsTransport;
  };
  readonly trust: Trust;
  readonly way: ReadWay;
  readonly baseUrl: string;
}

/** What a probe needs too: configuration and key, never agent.db. */
export async function composeHost(options: {
  readonly layout: Layout;
  readonly config: AgentConfig;
  readonly trustDir: string;
}): Promise<HostParts> {
  const { layout, config } = options;
  const key = await readIdentityKey(layout.identityKeyPath);
  if (key === null) throw new CodedError('not-enrolled', `there is no ${layout.identityKeyPath}`);
  const way = createReadWay(layout, config.proxy);
  // What is wrong with it is known before anything else begins.
  await way();
  const self = createSelf(config, key);
  const baseUrl = baseUrlOf(config.coordinator);
  const clock = systemClock;
  return {
    clock,
    self,
    way,
    baseUrl,
    transports: {
      'web-socket': createWsTransport({ url: sessionUrlOf(config.coordinator), way, clock }),
      https: createHttpsTransport({
        coordinator: config.coordinator,
        way,
        bindsChannel: self.bindsChannel,
        clock,
      }),
    },
    trust: createTrust({
      layout,
      trustDir: options.trustDir,
      baseUrl,
      way,
      platform: self.platform,
      clock,
    }),
  };
}

export async function composeAgent(options: {
  readonly layout: Layout;
  readonly config: AgentConfig;
  readonly log: Logger;
  readonly lines: LogLines;
  readonly launcher: LauncherChannel;
}): Promise<AgentPorts> {
  const { layout, config, log, lines, launcher } = options;
  await makeDirectoryDurably(layout.stateDir, 0o700);
  const host = await composeHost({ ...options, trustDir: layout.trustDir });
  const { clock } = host;
  // The handshakes of TCP and TLS go on while the state is opened; nothing is said before that.
  host.transports['web-socket'].begin();
  return {
    ...host,
    transport: new FallbackTransport({ transports: host.transports, clock, log }),
    random: systemRandom,
    log,
    launcher,
    slots: createSlots({ layout, baseUrl: host.baseUrl, way: host.way, clock, log }),
    disk: createDiskFacts(layout),
    timetable: lazyTimetable(clock),
    tasksFile: createTasksFile(layout.tasksPath, process.geteuid?.() ?? null),
    programs: createPrograms({
      clock,
      bootId: host.self.bootId,
      outputSocketPath: layout.outputSocketPath,
    }),
    drainLimitMs: config.drainLimitMs,
    isPreflightOff: config.isPreflightOff,
    outputSocket: createOutputSocket({ path: layout.outputSocketPath, clock, log }),
    ownerFiles: createOwnerFiles(layout),
    ownerSocket: createOwnerSocket({ layout, clock, log, lines }),
    openStore: () => {
      keepPrivate(layout.agentDatabasePath);
      return openStore({
        path: layout.agentDatabasePath,
        sessionCopyPath: `${layout.stateDir}/session.json`,
        clock,
        outboxLimits: config.outboxLimits,
        random: systemRandom,
      });
    },
  };
}

/** Others may pass through the directory to the socket. What SQLite makes beside it is as private as it. */
function keepPrivate(path: string): void {
  const file = openSync(path, 'a', 0o600);
  fchmodSync(file, 0o600);
  closeSync(file);
}

/** To load it and to read an expression takes a tenth of what a start may take: that comes after the session. */
const SCHEDULES_AFTER_MS = 1_000;

function lazyTimetable(clock: Clock): Timetable {
  return {
    trouble: troubleOfSchedule,
    start: (expression, work, timeZone) => {
      const stopped = new AbortController();
      const start = async () => {
        if (!(await pause(clock, SCHEDULES_AFTER_MS, stopped.signal))) return;
        const { startSchedule } = await import('@moult/runtime/cron');
        if (stopped.signal.aborted) return;
        const schedule = startSchedule(expression, work, { timeZone: timeZone ?? null });
        stopped.signal.addEventListener('abort', () => schedule.stop(), { once: true });
      };
      void start();
      return { stop: () => stopped.abort() };
    },
  };
}
