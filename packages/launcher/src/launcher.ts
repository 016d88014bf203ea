/*
 * Carries out what core/boot decides. One event at a time: step, save the record if it changed (fsync), then do the
 * orders; their ends come back as events. Requests of the agent are answered after the save that they caused.
 */
import {
  type AgentPipeMessage,
  EVIDENCE_LIMITS,
  encodeBootRecord,
  HEARTBEAT_MS,
  type Life,
  type OccurredEvent,
  type Order,
  readAgentLine,
  readBootRecord,
  type SupervisionEvent,
  type SupervisionState,
  type SupervisionStep,
  stepSupervision,
  WATCHED_FACTOR,
} from '@moult/core/boot';
import { everyMs } from '@moult/runtime/clock';
import { loadRecord, messageOf, rewriteLinks } from './boot-store.ts';
import { EventQueue } from './event-queue.ts';
import { NextVersion } from './next-version.ts';
import type { AgentProcess, LauncherPorts } from './ports.ts';

export interface LauncherOptions extends LauncherPorts {
  readonly self: Life['self'];
}

type TryMessage = Extract<AgentPipeMessage, { readonly kind: 'try' }>;
/** A `try` waits in the queue until its slot was looked at. */
type Incoming = OccurredEvent | { readonly kind: 'try-received'; readonly message: TryMessage };

/** A crash loop that fills the log tells as much in its last lines. */
const LOG_LINES_MAX = EVIDENCE_LIMITS.logLinesMax;
/** A version on trial may print and send without end; what waits to be handled is bounded, the rest is dropped. */
const QUEUE_MAX = 1_000;

export class Launcher {
  readonly #options: LauncherOptions;
  readonly #queue: EventQueue<Incoming> = new EventQueue<Incoming>(QUEUE_MAX);
  #agent: AgentProcess | null = null;
  #logLines: string[] = [];
  /** Work of the present state that ends with it: a probe, a wait, a grace. */
  #work: { readonly kind: Order['kind']; readonly controller: AbortController } | null = null;

  /** A write failed, perhaps after its rename: what the disk holds is not the record that is acted on. */
  #isDiskBehind = false;
  #isTickWaiting = false;
  readonly #next: NextVersion;

  constructor(options: LauncherOptions) {
    this.#options = options;
    this.#next = new NextVersion(options);
  }

  /** Lives until it is told to stop or has a reason to end. Resolves to its exit code (EXIT); throws CodedError. */
  async run(stop: AbortSignal): Promise<number> {
    const { disk, spawner, clock, host, self } = this.#options;
    const record = await loadRecord(this.#options);
    this.#isDiskBehind = !(await isReadable(disk));
    await rewriteLinks(this.#options, record);
    // READY before the first spawn: how long an agent takes to start is not the unit's business.
    await host.ready();
    const holder = await disk.readHolder().catch(() => null);
    if (holder !== null) await spawner.endHolder(holder, stop).catch(() => undefined);
    const stopAsked = () => this.#queue.pushAlways({ kind: 'stop-asked' });
    if (stop.aborted) stopAsked();
    stop.addEventListener('abort', stopAsked, { once: true });
    const ticking = new AbortController();
    const ticks = everyMs(clock, HEARTBEAT_MS, ticking.signal, () => this.#tick());
    const life: Life = { record, bootId: host.bootId, self, failures: 0, launcherLeftMs: null };
    try {
      return await this.#live({ kind: 'idle', life });
    } finally {
      stop.removeEventListener('abort', stopAsked);
      ticking.abort();
      this.#work?.controller.abort();
      this.#next.end();
      this.#options.spawner.dropPrepared();
      // Only after a bug: in every ordered end the agent ended first. Two agents on one state must never be.
      this.#agent?.kill();
      await ticks;
    }
  }

  /**
   * B18: watched time is these ticks. Those that a stopped machine missed are not made up for, and neither are those of
   * a launcher that waited for its disk: a burst of them would judge an agent by time in which nobody listened to it.
   */
  #tick(): void {
    if (this.#isTickWaiting) return;
    this.#isTickWaiting = true;
    this.#queue.pushAlways({ kind: 'ticked' });
  }

  async #live(first: SupervisionState): Promise<number> {
    let state = await this.#take(first, { kind: 'started' });
    while (state.kind !== 'ended') {
      const event = await this.#occurred(await this.#queue.next());
      if (event !== null) state = await this.#take(state, event);
    }
    this.#options.log.info('the launcher ends', { exitCode: state.exitCode });
    return state.exitCode;
  }

  async #take(state: SupervisionState, event: OccurredEvent): Promise<SupervisionState> {
    if (event.kind === 'exited') {
      this.#agent = null;
      this.#next.end();
    }
    if (event.kind === 'ticked') await this.#ticked(state);
    const step = await this.#saved(state, event);
    if (step.state.kind !== state.kind) this.#logChange(step.state, event);
    else this.#logVerdict(state, step.state);
    this.#endWork(step.state);
    let next = step.state;
    for (const order of step.orders) {
      const result = await this.#carryOut(order);
      if (result !== null) next = await this.#take(next, result);
    }
    return next;
  }

  async #ticked(state: SupervisionState): Promise<void> {
    this.#isTickWaiting = false;
    void this.#options.host.alive();
    if (this.#isDiskBehind) await this.#catchUp(state);
  }

  /** B3: what a step changed in the record is on disk before anything else of it happens. */
  async #saved(state: SupervisionState, event: OccurredEvent): Promise<SupervisionStep> {
    const step = stepSupervision(state, event);
    const { record } = step.state.life;
    if (record === state.life.record) return step;
    try {
      await this.#options.disk.writeRecord(encodeBootRecord(record));
      this.#isDiskBehind = false;
    } catch (caught) {
      this.#isDiskBehind = true;
      const message = messageOf(caught);
      this.#options.log.error('the boot record cannot be written', {
        code: 'boot-record-unwritable',
        why: message,
      });
      // Where its last sync failed, readers see what was not saved: U16 goes by what they see.
      await this.#catchUp(state);
      const failed: SupervisionEvent = { kind: 'save-failed', of: event, message };
      return stepSupervision(state, failed);
    }
    await rewriteLinks(this.#options, record);
    return step;
  }

  /** B4: nothing of a write that failed may boot one day; tried at once, and at each tick until the disk takes it. */
  async #catchUp(state: SupervisionState): Promise<void> {
    try {
      await this.#options.disk.writeRecord(encodeBootRecord(state.life.record));
      this.#isDiskBehind = false;
    } catch {
      // Said when it began; a line every five seconds would tell no more.
    }
  }

  async #carryOut(order: Order): Promise<OccurredEvent | null> {
    switch (order.kind) {
      case 'spawn':
        return await this.#spawn(order);
      case 'send':
        this.#agent?.send(order.message);
        return null;
      case 'end-agent':
        this.#endAgent(order.graceMs);
        return null;
      case 'probe':
        this.#startWork('probe', async (signal) => ({
          kind: 'probed',
          reached: await this.#options.spawner.probe(order.slot, signal).catch(() => false),
        }));
        return null;
      case 'wait':
        this.#startWork('wait', async (signal) => {
          await this.#options.clock.sleep(order.ms, signal);
          return { kind: 'waited' };
        });
        return null;
    }
  }

  async #spawn(order: Extract<Order, { readonly kind: 'spawn' }>): Promise<OccurredEvent> {
    const { spawner, log } = this.#options;
    const { slot } = order;
    this.#logLines = [];
    // What a process says before it counts as spawned waits behind `spawned`; what it says after its end is dropped.
    let isOver = false;
    const result = await spawner.spawn(order, {
      onLine: (line) => {
        if (!isOver) this.#receive(line);
      },
      onLog: (line) => {
        if (isOver) return;
        this.#logLines = [...this.#logLines.slice(1 - LOG_LINES_MAX), line];
        log.forward(line);
      },
    });
    if (result.kind === 'failed') {
      log.warn('a version could not be started', { slot: slot.dir, why: result.message });
      const { message, isHostTrouble } = result;
      return { kind: 'spawn-failed', message, isHostTrouble, logLines: this.#logLines };
    }
    const { agent } = result;
    this.#agent = agent;
    log.info('spawned', { slot: slot.dir, pid: agent.pid });
    void agent.ended.then((end) => {
      isOver = true;
      this.#queue.pushAlways({ kind: 'exited', ...end, logLines: this.#logLines });
    });
    return { kind: 'spawned' };
  }

  #endAgent(graceMs: number): void {
    const agent = this.#agent;
    if (agent === null) return;
    if (graceMs === 0) {
      agent.kill();
      return;
    }
    agent.send({ kind: 'stop', graceMs });
    this.#startWork('end-agent', async (signal) => {
      await this.#options.clock.sleep(graceMs, signal);
      agent.kill();
      return null;
    });
  }

  #receive(line: string): void {
    const reading = readAgentLine(line);
    if (reading.kind === 'rubbish') {
      this.#options.log.warn('rubbish on the pipe', { length: line.length });
      return;
    }
    if (reading.kind === 'unknown') {
      this.#agent?.send({ kind: 'unsupported', id: reading.id, what: reading.what });
      return;
    }
    const event = this.#eventOf(reading.message);
    if (event !== null && !this.#queue.push(event))
      this.#options.log.warn('a message was dropped', { of: event.kind });
  }

  #eventOf(message: AgentPipeMessage): Incoming | null {
    switch (message.kind) {
      case 'heartbeat':
        return { kind: 'heartbeat', heartbeat: message };
      case 'try':
        return { kind: 'try-received', message };
      case 'commit':
        return { ...message, kind: 'commit-asked' };
      case 'refuse':
        return { ...message, kind: 'refuse-asked' };
      case 'roll-back':
        return { ...message, kind: 'roll-back-asked' };
      case 'dialled':
        return { kind: 'dialled', reached: message.reached };
      case 'prepared':
        // Of the process that was prepared: it is said before anybody listens, and told to whoever listens later.
        return null;
      case 'prepare':
        this.#next.prepare(message, this.#agent);
        return null;
      case 'rehearse':
        // Nothing is decided by it here: what it means is the agent's to know.
        this.#next.rehearse(message, this.#agent);
        return null;
    }
  }

  /** A slot is looked at before it may be tried: a trial of half a tree would cost three boots to find out. */
  async #occurred(incoming: Incoming): Promise<OccurredEvent | null> {
    if (incoming.kind !== 'try-received') return incoming;
    const { id, component, slot, attemptId, probationMs } = incoming.message;
    const complete = await this.#options.disk.completeSlots(component).catch(() => []);
    if (complete.some((found) => found.digest === slot.digest && found.dir === slot.dir)) {
      return {
        kind: 'try-asked',
        id,
        component,
        slot,
        attemptId,
        watchedMs: probationMs * WATCHED_FACTOR,
      };
    }
    const message = `${slot.dir} is not a complete slot on this host`;
    this.#agent?.send({ kind: 'failed', id, code: 'boot-slot-incomplete', message });
    return null;
  }

  #startWork(
    kind: Order['kind'],
    work: (signal: AbortSignal) => Promise<OccurredEvent | null>,
  ): void {
    this.#work?.controller.abort();
    const controller = new AbortController();
    this.#work = { kind, controller };
    work(controller.signal).then(
      (event) => {
        if (event !== null && !controller.signal.aborted) this.#queue.pushAlways(event);
      },
      (caught) => {
        if (!controller.signal.aborted)
          this.#options.log.error('work failed', { kind, why: messageOf(caught) });
      },
    );
  }

  /** Work belongs to a state: it is aborted when the state that wants it is left. */
  #endWork(state: SupervisionState): void {
    if (this.#work === null || isWanted(this.#work.kind, state)) return;
    this.#work.controller.abort();
    this.#work = null;
  }

  #logVerdict(before: SupervisionState, after: SupervisionState): void {
    if (before.kind !== 'watching' || after.kind !== 'watching') return;
    const { verdict, slot } = after.boot;
    if (verdict.kind !== before.boot.verdict.kind) {
      this.#options.log.info(`verdict: ${verdict.kind}`, { slot: slot.dir });
    }
  }

  #logChange(state: SupervisionState, event: OccurredEvent): void {
    const boot = 'boot' in state ? { slot: state.boot.slot.dir, as: state.boot.kind } : {};
    const end = event.kind === 'exited' ? { exitCode: event.exitCode, signal: event.signal } : {};
    const purpose = state.kind === 'stopping' ? { purpose: state.purpose.kind } : {};
    this.#options.log.info(state.kind, { after: event.kind, ...boot, ...end, ...purpose });
  }
}

async function isReadable(disk: LauncherPorts['disk']): Promise<boolean> {
  return await disk.readRecord().then(
    (text) => readBootRecord(text).kind === 'read',
    () => false,
  );
}

function isWanted(kind: Order['kind'], state: SupervisionState): boolean {
  switch (kind) {
    case 'wait':
      return state.kind === 'backing-off';
    case 'end-agent':
      return state.kind === 'stopping';
    default:
      return (
        state.kind === 'probing' ||
        (state.kind === 'watching' &&
          (state.boot.verdict.kind === 'probing-own' ||
            state.boot.verdict.kind === 'probing-previous'))
      );
  }
}
