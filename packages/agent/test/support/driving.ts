import type { CommandMessage, FinishMessage } from '@moult/protocol';
import { until } from '../../../../test/support/manual-clock.ts';
import type { Booted, TestHost } from './host.ts';

export const NONCE: string = 'cd'.repeat(16);

export function order(
  host: TestHost,
  more: {
    version?: string;
    attempt?: number;
    component?: string;
    commandId?: string;
    isForced?: boolean;
    pace?: string;
  } = {},
): void {
  const { version = '1.1.0', component = 'agent', isForced = false, pace, ...ref } = more;
  command(host, {
    ...ref,
    autoUpgrade: {
      ...{ component, version, isForced, isRevert: false, nonce: NONCE },
      ...(pace === undefined ? {} : { pace }),
    },
  });
}

export function control(host: TestHost, action: string, commandId: string = action): void {
  command(host, { commandId, control: { action } });
}

export function command(host: TestHost, more: Partial<CommandMessage>): void {
  host.coordinator.last.send({
    kind: 'command',
    message: {
      commandId: 'command-1',
      attempt: 1,
      notAfterMs: 2_000_000_000_000,
      generation: 1,
      position: 7,
      ...more,
    },
  });
}

export function grantsAll(host: TestHost): void {
  host.coordinator.onFrame = (frame, session) => {
    if (frame.kind !== 'permission') return false;
    const { commandId, attempt, point } = frame.message;
    session.send({ kind: 'granted', message: { commandId, attempt, point } });
    return true;
  };
}

/** Takes an order back that nobody has asked about. */
export function takeBack(host: TestHost, commandId = 'command-1'): void {
  const about = { commandId, attempt: 1, point: '' };
  host.coordinator.last.send({
    kind: 'denied',
    message: { ...about, reason: 'revoked', isFinal: true },
  });
}

export async function bootLive(
  host: TestHost,
  spawned: Parameters<TestHost['boot']>[0] = {},
): Promise<Booted> {
  const before = host.coordinator.sessions.length;
  const booted = host.boot(spawned);
  await until(
    () =>
      host.coordinator.sessions.length > before &&
      host.coordinator.last.frames.some((frame) => frame.kind === 'check'),
    'a session',
  );
  return booted;
}

export async function ended(booted: Booted): Promise<void> {
  await until(
    () => booted.exit !== undefined || booted.error !== undefined,
    'the end of the agent',
  );
  if (booted.error !== undefined) throw booted.error;
}

export function finishes(host: TestHost): readonly FinishMessage[] {
  return host.coordinator.received
    .flatMap(({ items }) => items)
    .flatMap((item) => (item.item === 'finish' ? [item.finish] : []));
}

/** The end of a command, once the coordinator has it. */
export async function endOf(host: TestHost, commandId = 'command-1'): Promise<FinishMessage> {
  const find = () => finishes(host).find((finish) => finish.commandId === commandId);
  await until(() => find() !== undefined, `the end of ${commandId}`);
  const found = find();
  if (found === undefined) throw new Error('unreachable');
  return found;
}
