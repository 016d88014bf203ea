/*
 * Sends what may be sent. Level-triggered: whoever changes something touches the instance, the store decides again
 * from facts (C1), and what comes out goes on the wire. A touch that is lost costs a minute: the sweep finds it.
 */
import type { CommandMessage, TaskOrder } from '@moult/protocol';
import { type Clock, everyMs, nextTurn } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { CommandTable, Store } from '@moult/store';
import type { Sessions } from '../gateway/sessions.ts';

/** Looks at every open command: expiry, retries that came due, touches that were lost. */
const SWEEP_MS = 60_000;
/** Decided side by side: the store makes one commit of them. */
const SIDE_BY_SIDE = 64;

export interface DispatcherOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sessions: Sessions;
  /** In a group something has ended, or given its place away: what a rollout waits for may have come. */
  readonly onFreed: (group: string) => void;
  /** Before each decision about an agent: it came up, or something about it has changed. */
  readonly onLookedAt: (instanceId: string) => void;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #stop = new AbortController();
  readonly #touched = new Map<string, boolean>();
  readonly #listeningSinceMs: number;
  #running: Promise<void> | null = null;
  #loops: Promise<unknown> = Promise.resolve();

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#listeningSinceMs = options.clock.nowMs();
  }

  /** Takes back what was on the wire when the last process ended. */
  async start(): Promise<void> {
    const { store, clock } = this.#options;
    await store.write('lapse', { instanceId: null, nowMs: clock.nowMs() });
    await this.#sweep();
    this.#loops = everyMs(clock, SWEEP_MS, this.#stop.signal, () => this.#sweep());
  }

  touch(instanceId: string, options: { readonly resends: boolean } = { resends: false }): void {
    if (this.#stop.signal.aborted) return;
    const resends = options.resends || this.#touched.get(instanceId) === true;
    this.#touched.set(instanceId, resends);
    this.#running ??= this.#run();
  }

  /** Decides about these now, and waits for no others: under load there are always some. */
  async decide(instanceIds: readonly string[]): Promise<void> {
    for (let from = 0; from < instanceIds.length; from += SIDE_BY_SIDE) {
      const batch = instanceIds.slice(from, from + SIDE_BY_SIDE);
      await Promise.all(batch.map((id) => this.#tryDispatch(id, false)));
    }
  }

  /** Somebody's turn may have come. */
  async touchGroup(group: string): Promise<void> {
    this.#options.onFreed(group);
    const ids = await this.#options.store.read('openInstanceIds', { group });
    for (const id of ids) this.touch(id);
  }

  /** Decides at once; gives the reason why nothing is sent, null when something was. */
  async answer(instanceId: string): Promise<CommandTable | 'nothing-open' | 'at-rest' | null> {
    const decided = await this.#dispatch(instanceId, true);
    if (decided === 'at-rest') return 'at-rest';
    // What is asked is why no other version comes: tasks have nothing to do with that.
    const open = decided.open.find(({ kind }) => kind !== 'task');
    return decided.sends > 0 ? null : (open ?? 'nothing-open');
  }

  /** C19: a host that has a command which was taken back hears so at once; what it asks later is denied anyway. */
  tellTakenBack(command: CommandTable): void {
    const { id: commandId, attempt, state: reason } = command;
    const message = { commandId, attempt, point: 'drain', reason, isFinal: true };
    this.#options.sessions.of(command.instance_id)?.send({ kind: 'denied', message });
  }

  /** Resolves when nothing is left to decide. */
  async settled(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loops;
    await this.settled();
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    while (this.#touched.size > 0) {
      const batch = firstOf(this.#touched, SIDE_BY_SIDE);
      for (const [id] of batch) this.#touched.delete(id);
      await Promise.all(batch.map(([id, resends]) => this.#tryDispatch(id, resends)));
      // Those at rest are read and never waited for: a whole fleet of them would hold up everybody else.
      await nextTurn();
    }
    this.#running = null;
  }

  async #tryDispatch(instanceId: string, resends: boolean): Promise<void> {
    try {
      await this.#dispatch(instanceId, resends);
    } catch (error) {
      this.#options.log.error('commands could not be sent; the sweep tries again', { err: error });
    }
  }

  async #dispatch(
    instanceId: string,
    resends: boolean,
  ): Promise<'at-rest' | { readonly sends: number; readonly open: readonly CommandTable[] }> {
    const { store, clock, sessions } = this.#options;
    this.#options.onLookedAt(instanceId);
    // A read takes no turn in the writer, and there is nothing that a transaction could change.
    if (await store.read('isAtRest', instanceId)) return 'at-rest';
    const isConnected = sessions.of(instanceId) !== null;
    const nowMs = clock.nowMs();
    const done = await store.write('dispatch', {
      instanceId,
      isConnected,
      listeningSinceMs: this.#listeningSinceMs,
      leftMs: sessions.leftMs(instanceId),
      nowMs,
      resends,
    });
    for (const command of done.takenBack) this.tellTakenBack(command);
    if (done.sends.length > 0) await this.#send(instanceId, done.sends);
    if (done.group !== null) await this.touchGroup(done.group);
    // What a host has already is said again, and is no answer to what it asks (RS16).
    const news = done.sends.filter((command) => command.state === 'sent');
    return { sends: news.length, open: done.open };
  }

  async #send(instanceId: string, commands: readonly CommandTable[]): Promise<void> {
    const { store, clock, sessions } = this.#options;
    const session = sessions.of(instanceId);
    const life = await store.read('storeLife', null);
    if (session !== null) session.hasSentCommands = true;
    const isSent = session?.sendAll(
      commands.map((command) => ({
        kind: 'command',
        message: {
          commandId: command.id,
          attempt: command.attempt,
          notAfterMs: command.not_after_ms,
          ...life,
          ...kindOf(command),
        },
      })),
    );
    // The session ended meanwhile: what was not put on the wire was not sent.
    if (!isSent) await store.write('lapse', { instanceId, nowMs: clock.nowMs() });
  }

  async #sweep(): Promise<void> {
    try {
      const ids = await this.#options.store.read('openInstanceIds', { group: null });
      for (const id of ids) this.touch(id);
    } catch (error) {
      this.#options.log.error('the sweep failed; the next one tries again', { err: error });
    }
  }
}

/** Without a copy of all: a whole fleet may be touched at once. */
function firstOf<K, V>(map: ReadonlyMap<K, V>, count: number): readonly (readonly [K, V])[] {
  const found: (readonly [K, V])[] = [];
  for (const entry of map) {
    if (found.length >= count) break;
    found.push(entry);
  }
  return found;
}

function kindOf(command: CommandTable): Pick<CommandMessage, 'autoUpgrade' | 'control' | 'task'> {
  if (command.kind === 'task') {
    const parameters = JSON.parse(command.parameters ?? '[]') as TaskOrder['parameters'];
    return { task: { name: command.task ?? '', parameters } };
  }
  if (command.kind !== 'autoUpgrade') return { control: { action: command.kind } };
  return {
    autoUpgrade: {
      component: command.component,
      version: command.version,
      isForced: command.is_forced === 1,
      isRevert: command.is_revert === 1,
      nonce: command.nonce,
      ...(command.pace === 'now' ? {} : { pace: command.pace }),
    },
  };
}
