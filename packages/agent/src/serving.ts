/*
 * An agent that knows what it was booted as: one session, one upgrade machine, and what goes between them and the
 * launcher. Everything here is passing on; what to do is decided in core, how it is done in the parts.
 */
import { once } from 'node:events';
import { EXIT, ROLLBACK_GRACE_MS, type Spawned } from '@moult/core/boot';
import { attemptIdIn, attemptIdOf, type BootView, type UpgradeState } from '@moult/core/upgrade';
import type { CoordinatorMessages } from '@moult/protocol';
import { Cleanup } from './cleanup.ts';
import { type AgentStore, isDiskTrouble } from './database/index.ts';
import { dialled } from './dial.ts';
import { type Ending, signalExitOf } from './ending.ts';
import { Heart } from './launcher/heart.ts';
import type { PipeClient } from './launcher/pipe-client.ts';
import { Orders } from './orders.ts';
import { Output } from './output/output.ts';
import { Owner } from './owner/owner.ts';
import type { AgentPorts } from './ports.ts';
import { reportOf } from './report.ts';
import { Reporter } from './reporter.ts';
import type { Welcome } from './session/handshake.ts';
import { Link, type OtherFrame } from './session/link.ts';
import { SessionNotes } from './session/session-notes.ts';
import { SlotLook } from './slot-look.ts';
import { hourlyCheckOf } from './timing.ts';
import { Health } from './upgrade/health.ts';
import { withdrawOrphanTrial } from './upgrade/orphan-trial.ts';
import { PermissionDesk } from './upgrade/permission-desk.ts';
import { sooner } from './upgrade/sooner.ts';
import { committedView, isAnyOnTrial, isRunning, shownFacts } from './upgrade/trial-facts.ts';
import { Upgrader } from './upgrade/upgrader.ts';
import { createWorkers } from './upgrade/workers.ts';
import { World } from './upgrade/world.ts';
import { Bell } from './waiting.ts';

export interface ServingOptions {
  readonly ports: AgentPorts;
  readonly store: AgentStore;
  readonly pipe: PipeClient;
  readonly spawned: Spawned;
  readonly ending: Ending;
}

export class Serving {
  readonly #ports: AgentPorts;
  readonly #store: AgentStore;
  readonly #pipe: PipeClient;
  readonly #spawned: Spawned;
  readonly #ending: Ending;
  readonly #health: Health;
  readonly #upgrader: Upgrader;
  readonly #link: Link;
  readonly #output: Output;
  readonly #reporter: Reporter;
  readonly #desk: PermissionDesk;
  readonly #cleanup: Cleanup;
  readonly #orders: Orders;
  readonly #notes: SessionNotes;
  readonly #world: World;
  readonly #owner: Owner;
  readonly #heart: Heart;
  readonly #look: SlotLook;
  readonly #ordered = new Bell();
  readonly #acknowledged = new Bell();
  readonly #sessionOpened = new Bell();
  #view: BootView;
  #report = { isHealthy: false, detail: '' };
  /** Nonce that the live session showed; null: no session. */
  #shownNonce: string | null = null;

  constructor(options: ServingOptions) {
    const { ports, store, pipe, spawned, ending } = options;
    const { clock, log } = ports;
    const onChange = () => this.#reporter.changed();
    this.#ports = ports;
    this.#store = store;
    this.#pipe = pipe;
    this.#spawned = spawned;
    this.#ending = ending;
    this.#view = spawned.components;
    this.#notes = new SessionNotes(store.meta);
    this.#world = new World(store.meta);
    this.#health = new Health(isAnyOnTrial(spawned));
    this.#link = this.#createLink();
    this.#heart = this.#createHeart();
    const parts = () => ({ upgrader: this.#upgrader, orders: this.#orders, view: this.#view });
    this.#owner = new Owner({ ...ports, store, pipe, spawned, ending, parts, onChange });
    const send = this.#link.send.bind(this.#link);
    this.#desk = new PermissionDesk({ clock, send });
    this.#cleanup = new Cleanup({ ...ports, spawned, meta: store.meta });
    this.#look = new SlotLook({ ...ports, parts, onChange });
    this.#output = new Output({
      outbox: store.outbox,
      streams: store.numberedStreams,
      socket: ports.outputSocket,
      clock,
      send,
      onDefect: (error) => ending.crash(error),
      onAcknowledged: () => {
        this.#acknowledged.ring();
        this.#attest();
      },
    });
    this.#orders = new Orders({
      ports,
      store,
      intake: this.#output.intake,
      upgrade: () => this.#upgrader.state,
      send,
      isWorldBroken: () => this.#world.isBroken(this.#upgrader.state),
      graceMs: () => ending.graceMs,
      onOrdered: () => this.#ordered.ring(),
      onChange,
      // A probe with this process stopped, which the launcher may want, would cut them short.
      onBusy: () => this.#heart.beat(),
      onOutput: () => this.#output.delivery.more(),
      onRestart: () => ending.end(EXIT.restartSame),
      onDefect: (error) => ending.crash(error),
    });
    this.#reporter = new Reporter({
      clock,
      send,
      compose: () =>
        reportOf({
          upgrade: this.#upgrader.state,
          trouble: this.#upgrader.trouble,
          condition: store.condition.read(),
          view: this.#view,
          tasks: this.#orders.tasks,
          look: this.#look,
          spawned,
          ...this.#report,
          ...{ facts: ports.self.facts, labels: ports.self.labels },
          owner: this.#owner.word,
        }),
    });
    this.#upgrader = new Upgrader({
      ...{ clock, log },
      save: (state) => store.upgradeRecord.save(state),
      workers: this.#workers(),
      sooner: (state, signal) => sooner({ ...ports, link: this.#link }, state, signal),
      onState: (state) => this.#onState(state),
      onTrouble: onChange,
      // The launcher, which has refused this version then, waits no longer.
      onLeave: (exitCode) => ending.end(exitCode, ROLLBACK_GRACE_MS),
      onDefect: (error) => ending.crash(error),
    });
  }

  #createHeart(): Heart {
    return new Heart({
      clock: this.#ports.clock,
      post: (message) => this.#pipe.post(message),
      isReached: () => this.#link.reached,
      trouble: () => this.#health.trouble,
      upgrade: () => this.#upgrader.state,
      isBusy: () => this.#orders.tasks.isBusy,
    });
  }

  #createLink(): Link {
    return new Link({
      ...this.#ports,
      session: this.#store.session,
      ownFacts: () => shownFacts(this.#spawned, this.#upgrader.state),
      listener: {
        onLive: (welcome, nonce) => this.#onLive(welcome, nonce),
        onCommands: (commands) => this.#orders.commands.accept(commands),
        onFrame: (frame) => this.#onFrame(frame),
        onNoSession: (trouble) => this.#notes.missed(trouble),
        onLost: () => {
          this.#shownNonce = null;
          this.#desk.lost();
          this.#output.delivery.lost();
        },
      },
    });
  }

  async run(stop: AbortSignal): Promise<number> {
    const { clock, log, timetable, self } = this.#ports;
    const onStop = () => this.#ending.end(signalExitOf(this.#spawned));
    stop.addEventListener('abort', onStop, { once: true });
    if (stop.aborted) onStop();
    const { signal } = this.#ending;
    log.info('serving', { version: this.#spawned.slot.version, slot: this.#spawned.slot.dir });
    const loaded = this.#store.upgradeRecord.load(this.#view);
    this.#upgrader.start(loaded, {
      kind: 'booted',
      view: this.#view,
      running: { agent: this.#spawned.slot.digest, launcher: this.#spawned.launcherDigest },
      nowMs: clock.nowMs(),
    });
    const checks = timetable.start(hourlyCheckOf(self.instanceId), () => {
      this.#link.check(false);
      this.#look.look();
    });
    const background = [
      this.#link.run(signal),
      this.#reporter.run(signal),
      this.#heart.run(signal),
      this.#withdrawOrphan(signal),
      this.#orders.run(signal),
      this.#output.run(signal),
      this.#owner.run(signal),
      this.#look.run(signal),
    ].map((work) =>
      work.catch((error: unknown) => {
        if (!signal.aborted) this.#ending.crash(error);
      }),
    );
    if (!signal.aborted) await once(signal, 'abort');
    checks.stop();
    stop.removeEventListener('abort', onStop);
    await this.#upgrader.stop();
    await this.#cleanup.stop();
    await Promise.all(background);
    await this.#output.stop();
    return this.#ending.result();
  }

  /** The launcher wants to know whether this version reaches the coordinator now. */
  dial(): void {
    const { signal } = this.#ending;
    const { clock } = this.#ports;
    // In every other state nobody checks, and nobody asks.
    const health = this.#upgrader.state.kind === 'probation' ? this.#health : null;
    void dialled({ clock, link: this.#link, health, signal }).then(
      (reached) => {
        this.#heart.beat();
        this.#pipe.dialled(reached);
      },
      () => undefined,
    );
  }

  /** The launcher has had the version before try the coordinator. */
  probed(reached: boolean): void {
    try {
      this.#world.probed(this.#upgrader.state, reached);
    } catch (error) {
      // Then tasks wait longer than they need.
      if (!isDiskTrouble(error)) this.#ending.crash(error);
    }
    this.#orders.look();
  }

  #onState(state: UpgradeState): void {
    if (state.kind !== 'probation') this.#report = { isHealthy: false, detail: '' };
    this.#reporter.changed();
    this.#orders.look();
    this.#look.look();
    if (state.kind === 'idle') this.#cleanup.begin();
    else void this.#cleanup.stop();
  }

  #onLive(welcome: Welcome, nonce: string): void {
    this.#shownNonce = nonce;
    this.#notes.welcomed(welcome);
    this.#world.seen();
    // H9: the question comes before everything else that a new session says.
    this.#link.check(true);
    this.#reporter.now();
    this.#heart.beat();
    this.#output.delivery.begin({ epoch: welcome.outputEpoch, sequence: welcome.outputSequence });
    this.#sessionOpened.ring();
    this.#orders.tasks.onLive();
    this.#hurry();
    this.#attest();
  }

  #onFrame(frame: OtherFrame): void {
    const { log, clock } = this.#ports;
    switch (frame.kind) {
      case 'hold':
        log.info('nothing to do', { ...frame.message });
        return;
      case 'outputAck':
        this.#output.delivery.acknowledged(frame.message.epoch, frame.message.lastSequence);
        return;
      case 'granted':
        this.#desk.granted(frame.message);
        return;
      case 'denied':
        this.#denied(frame.message);
        return;
      case 'confirm':
        // U19: whoever sits at the coordinator cannot make this host keep a version that does not call itself well.
        if (!this.#report.isHealthy) return;
        void this.#upgrader.send({
          kind: 'confirmed',
          attemptId: attemptIdOf(frame.message),
          nowMs: clock.nowMs(),
        });
        return;
      case 'reject':
        void this.#upgrader.send({
          kind: 'rejected',
          by: 'coordinator',
          attemptId: attemptIdOf(frame.message),
          reason: frame.message.reason,
          nowMs: clock.nowMs(),
        });
        return;
      case 'cleanup':
        this.#cleanup.order(frame.message.commandId);
        if (this.#upgrader.state.kind === 'idle') this.#cleanup.begin();
        return;
      case 'unsupported':
        log.warn('the coordinator does not know a message', { ...frame.message });
        return;
      case 'challenge':
      case 'welcome':
      case 'ping':
      case 'goodbye':
        return;
    }
  }

  /** U20: final, and nobody asked: the order was taken back. */
  #denied(message: CoordinatorMessages['denied']): void {
    if (this.#desk.denied(message) || !message.isFinal) return;
    const { reason } = message;
    const about = { attemptId: attemptIdOf(message), nowMs: this.#ports.clock.nowMs() };
    const end = { kind: 'permission-denied', point: 'drain', reason, isFinal: true } as const;
    void this.#upgrader.send({ ...end, ...about });
    this.#orders.commands.takenBack(message, reason);
  }

  /** P7: what waits for the network need not wait any longer. */
  #hurry(): void {
    const attemptId = attemptIdIn(this.#upgrader.state);
    if (attemptId === null) return;
    const nowMs = this.#ports.clock.nowMs();
    void this.#upgrader.send({ kind: 'reconnected', attemptId, nowMs });
  }

  /** U11, H5: attested, and the leftover output is acknowledged. */
  #attest(): void {
    const { state } = this.#upgrader;
    if (state.kind !== 'probation' || state.isAttested || this.#store.outbox.hasLeftover()) return;
    if (this.#shownNonce !== state.course.order.nonce) return;
    if (!isRunning(this.#spawned, state.course.order, state.slot)) return;
    void this.#upgrader.send({
      kind: 'attested',
      attemptId: attemptIdIn(state) ?? '',
      nowMs: this.#ports.clock.nowMs(),
    });
  }

  async #withdrawOrphan(signal: AbortSignal): Promise<void> {
    const isWithdrawn = await withdrawOrphanTrial({
      ...this.#ports,
      view: this.#view,
      upgrade: () => this.#upgrader.state,
      requestLauncher: (request, until) => this.#pipe.request(request, until),
      signal,
    });
    if (isWithdrawn) this.#ending.end(EXIT.bootRecorded);
  }

  #workers(): ReturnType<typeof createWorkers> {
    const ports = this.#ports;
    const store = this.#store;
    return createWorkers({
      ...ports,
      store,
      owner: this.#owner.word,
      desk: this.#desk,
      health: this.#health,
      healthChecks: {
        ...ports,
        writeState: () => store.meta.write('health', String(ports.clock.nowMs())),
      },
      launcherVersion: this.#spawned.launcherVersion,
      runningDigest: this.#spawned.slot.digest,
      view: () => this.#view,
      isRunning: (order, slot) => isRunning(this.#spawned, order, slot),
      onCommitted: (order, slot) => {
        this.#view = committedView(this.#view, order, slot);
      },
      cleaned: () => this.#cleanup.stop(),
      pipe: this.#pipe,
      link: this.#link,
      sessionOpened: this.#sessionOpened,
      ordered: this.#ordered,
      acknowledged: this.#acknowledged,
      deliver: () => this.#output.delivery.more(),
      quiet: (quiet) => this.#orders.tasks.quiet('upgrade', quiet),
      isBusy: () => this.#orders.tasks.isBusy,
      idle: (idle) => this.#orders.tasks.idle(idle),
      onReport: (report) => {
        // U3: where the disk refused the attestation, nothing but this would say it again in this session.
        this.#attest();
        this.#report = report;
        this.#reporter.changed();
        this.#heart.beat();
      },
    });
  }
}
