/*
 *   preflight ─► fetching ─► staged ─► rehearsed ─granted─► draining ─granted─► switching ─► probation ─confirm─► committing ─► (done)
 *                                          ▲ unanswered, not now │                          │ unwell, rejected
 *                                          └────────────────────┘                          └─► rolled back
 *
 * Who only fetches is done once it is staged; a soft one asks for nothing while its host is busy.
 *
 * From draining on the host does not work. The step is durable; what it waits for is not, and begins anew when it starts.
 */
import type {
  AgentFrame,
  CoordinatorFrame,
  CoordinatorMessages,
  FinishMessage,
} from '@moult/protocol';
import type { SeededRandom } from '../seeded-random.ts';
import type { LightAgent, Watch } from './light-agent.ts';
import type { LightRelease, Trouble } from './light-releases.ts';

export interface Slot {
  readonly version: string;
  readonly digest: string;
}

export interface Job {
  readonly commandId: string;
  readonly attempt: number;
  readonly version: string;
  readonly nonce: string;
  readonly pace: string;
}

export type Step =
  | 'preflight'
  | 'fetching'
  | 'staged'
  | 'rehearsed'
  | 'draining'
  | 'switching'
  | 'probation'
  | 'committing';

export interface LightUpgradeOptions {
  readonly agent: LightAgent;
  readonly random: SeededRandom;
  readonly committed: Slot;
  readonly releaseOf: (version: string) => LightRelease;
  readonly watch: Watch;
  /** Not after the end of this process. */
  readonly after: (ms: number, run: () => void) => void;
  readonly nowMs: () => number;
  readonly send: (frame: AgentFrame) => void;
  readonly finish: (finish: FinishMessage) => void;
  readonly restart: (ms: number) => void;
  readonly report: () => void;
}

type Answer = Extract<CoordinatorFrame, { kind: 'granted' | 'denied' | 'confirm' | 'reject' }>;
type Outcome = 'succeeded' | 'staged' | 'already-there' | 'failed' | 'denied' | 'rolled-back';

const DOWN: ReadonlySet<Step> = new Set(['draining', 'switching', 'probation', 'committing']);
const TRIAL: ReadonlySet<Step> = new Set(['probation', 'committing']);
const WRONG_DIGEST: string = 'f'.repeat(64);
const UNANSWERED_MS = 30_000;
const ASK_AGAIN_MS = { shortest: 1_000, longest: 60_000 } as const;

export class LightUpgrade {
  job: Job | null = null;
  step: Step | null = null;
  isHealthy = false;
  /** It does nothing once it is there. */
  hangsIn: Step | null = null;
  /** In which it is; one that is begun anew goes on. */
  stepSinceMs = 0;
  /** Truth: what runs, and what boots. */
  runs: Slot;
  committed: Slot;
  readonly refused: Slot[] = [];
  /** Ids of commands after which it has committed what they ordered, or ran it already. */
  readonly given = new Set<string>();
  /** The same of those that were only to be made ready. */
  readonly #madeReady = new Set<string>();
  /** All that it has ever committed. */
  readonly versions = new Set<string>();
  isBusy = false;
  /** What it ran before each of these that gave it something. */
  readonly formers = new Map<string, Slot>();
  readonly #options: LightUpgradeOptions;
  readonly #ends = new Map<string, FinishMessage>();
  /** It was told that this one waits for the host's work. */
  #saidBusy: Job | null = null;
  /** Of the version on trial. */
  #starts = 0;
  #waiting: CoordinatorMessages['command'][] = [];
  /** Counts up with each step: what was meant for an earlier one is stale. */
  #turn = 0;

  constructor(options: LightUpgradeOptions) {
    this.#options = options;
    this.committed = options.committed;
    this.runs = options.committed;
    this.versions.add(options.committed.version);
  }

  get isDown(): boolean {
    return this.step !== null && DOWN.has(this.step);
  }

  get isOnTrial(): boolean {
    return this.step !== null && TRIAL.has(this.step);
  }

  hasDone(command: string): boolean {
    return this.given.has(command) || this.#madeReady.has(command);
  }

  /** A task runs, or is over. */
  becomes(of: { readonly isBusy: boolean }): void {
    if (this.isBusy === of.isBusy) return;
    this.isBusy = of.isBusy;
    const isWaiting = this.step === 'rehearsed' || this.step === 'draining';
    // Drained by then, or about to ask: it goes back to its work.
    if (this.job?.pace === 'soft' && isWaiting) this.#enter('rehearsed');
    else this.#options.report();
  }

  get inStepMs(): number {
    return this.#options.nowMs() - this.stepSinceMs;
  }

  get isHanging(): boolean {
    return this.step !== null && this.step === this.hangsIn;
  }

  comeToItself(): void {
    this.hangsIn = null;
    if (this.step !== null) this.#enter(this.step);
  }

  /** Its inbox: accepted when it is durable, as often as it is sent. */
  ordered(command: CoordinatorMessages['command']): void {
    const { commandId, attempt } = command;
    const id = `${commandId}/${attempt}`;
    this.#options.send({ kind: 'accept', message: { commandId, attempt } });
    const end = this.#ends.get(id);
    if (end !== undefined) {
      this.#options.finish(end);
      return;
    }
    const isKnown = [this.job, ...this.#waiting].some((one) => one?.commandId === commandId);
    if (isKnown) return;
    this.#waiting.push(command);
    this.#next();
  }

  /** The process has started: what was under way goes on. */
  resume(): void {
    const { random } = this.#options;
    if (this.step === null) {
      this.#next();
      return;
    }
    if (this.step === 'draining') this.#enter('rehearsed');
    else {
      // Its launcher starts it once; who was crashed then may have to go.
      if (this.step === 'probation') this.#starts += 1;
      if (this.#starts > 1 && random.chance(0.3)) this.#rollBack();
      else this.#enter(this.step);
    }
  }

  connected(): void {
    if (this.step === 'rehearsed' && this.job !== null) this.#askOnceIdle(this.job);
  }

  answered({ kind, message }: Answer): void {
    const { job, step } = this;
    if (job === null || message.commandId !== job.commandId) return;
    if (message.attempt !== job.attempt) return;
    if (kind === 'confirm') {
      if (step === 'probation' && this.isHealthy) this.#enter('committing');
    } else if (kind === 'reject') {
      if (step === 'probation') this.#rollBack();
    } else if (kind === 'granted') this.#granted(message.point);
    else if (message.isFinal && (step === null || !TRIAL.has(step)) && step !== 'switching') {
      this.#end('denied', message.reason);
    } else if (step === 'draining') this.#enter('rehearsed');
  }

  finishOf(of: {
    readonly commandId: string;
    readonly attempt: number;
    readonly outcome: Outcome;
    readonly code?: string;
  }): FinishMessage {
    return {
      ...of,
      code: of.code ?? '',
      component: 'agent',
      message: '',
      evidence: null,
      from: this.formers.get(of.commandId) ?? null,
      current: this.committed,
      steps: [{ step: 'preflight', startedMs: 1 }],
      ...{ bytesFetched: 10, bytesTotal: 10, rehearsal: 'not-done', wantedVersion: '' },
    };
  }

  #granted(point: string): void {
    if (point === 'drain' && this.step === 'rehearsed') this.#enter('draining');
    else if (point === 'switch' && this.step === 'draining' && !this.isHanging)
      this.#enter('switching');
  }

  #next(): void {
    const [command] = this.#waiting;
    if (this.job !== null || command === undefined) return;
    this.#waiting.shift();
    const { commandId, attempt, autoUpgrade } = command;
    const { version = '', nonce = '', pace = '' } = autoUpgrade ?? {};
    this.job = { commandId, attempt, version, nonce, pace };
    if (version === this.committed.version) this.#end('already-there', '');
    else this.#enter('preflight');
  }

  get #trouble(): Trouble | null {
    const { releaseOf, agent } = this.#options;
    return this.job === null ? null : releaseOf(this.job.version).troubleOf(agent.number);
  }

  #enter(step: Step): void {
    const { agent, job } = { agent: this.#options.agent, job: this.job };
    const wasDown = this.isDown;
    if (step !== this.step) this.stepSinceMs = this.#options.nowMs();
    this.step = step;
    this.#turn += 1;
    this.isHealthy = false;
    if (job === null) return;
    if (!wasDown && this.isDown) this.#options.watch.wentDown(agent, job);
    this.#work(step, job);
  }

  #tell(step: Step, job: Job): void {
    if (step === 'fetching') this.#progress(step, job);
    this.#options.report();
  }

  #work(step: Step, job: Job): void {
    const { random, watch, agent, releaseOf } = this.#options;
    const trouble = this.#trouble;
    if (step !== 'switching' || this.isHanging) this.#tell(step, job);
    if (this.isHanging) return;
    switch (step) {
      case 'preflight':
      case 'fetching':
        this.#later(random.spread(20, step === 'preflight' ? 2_000 : 20_000), () => {
          if (trouble === 'preflight-fails' && step === 'preflight')
            this.#end('failed', 'no-space');
          else if (trouble === 'fetch-fails' && step === 'fetching')
            this.#end('failed', 'fetch-failed');
          else this.#enter(step === 'preflight' ? 'fetching' : 'staged');
        });
        return;
      case 'staged':
        if (job.pace === 'fetch-only') this.#end('staged', '');
        else this.#enter('rehearsed');
        return;
      case 'rehearsed':
        this.#askOnceIdle(job);
        return;
      case 'draining':
        this.#later(random.spread(20, 5_000), () => {
          if (this.isBusy && job.pace === 'soft') this.#enter('rehearsed');
          else this.#ask('switch');
        });
        return;
      case 'switching':
        watch.switched(agent, job);
        this.#later(10, () => this.#boot(job, trouble));
        return;
      case 'probation':
        this.#later(releaseOf(job.version).probationMs, () => {
          if (trouble === 'unwell') return this.#rollBack();
          this.isHealthy = true;
          this.#options.report();
        });
        return;
      case 'committing':
        this.#later(random.spread(10, 1_000), () => {
          this.formers.set(job.commandId, this.committed);
          this.committed = this.runs;
          this.versions.add(job.version);
          this.#end('succeeded', '');
        });
        return;
    }
  }

  /** The next process starts, or does not. */
  #boot(job: Job, trouble: Trouble | null): void {
    const { random, restart, releaseOf, agent } = this.#options;
    const { version, digest } = releaseOf(job.version);
    if (trouble === 'never-comes-up') {
      this.#rollBack();
      restart(random.spread(5_000, 120_000));
    } else if (trouble === 'vanishes') {
      // It boots what it had when somebody comes for it.
      this.#rollBack();
      agent.vanish();
    } else {
      this.runs = { version, digest: trouble === 'another-digest' ? WRONG_DIGEST : digest };
      this.step = 'probation';
      this.stepSinceMs = this.#options.nowMs();
      this.#starts = 0;
      restart(random.spread(20, 3_000));
    }
  }

  #rollBack(): void {
    const { job } = this;
    if (job === null) return;
    const { version, digest } = this.#options.releaseOf(job.version);
    this.refused.push({ version, digest });
    const isRunning = this.runs !== this.committed;
    this.runs = this.committed;
    this.#end('rolled-back', 'unwell');
    if (isRunning) this.#options.restart(this.#options.random.spread(20, 3_000));
  }

  #end(outcome: Outcome, code: string): void {
    const { job } = this;
    if (job === null) return;
    const { commandId, attempt } = job;
    const finish = this.finishOf({ commandId, attempt, outcome, code });
    if (outcome === 'succeeded' || outcome === 'already-there') this.given.add(commandId);
    if (outcome === 'staged') this.#madeReady.add(commandId);
    this.#ends.set(`${commandId}/${attempt}`, finish);
    this.job = null;
    this.step = null;
    this.#starts = 0;
    this.#turn += 1;
    this.#options.finish(finish);
    this.#options.report();
    this.#later(1, () => this.#next());
  }

  #progress(step: Step, { commandId, attempt }: Job, holdReason = ''): void {
    const none = { detail: '', bytesDone: 0, bytesTotal: 0 };
    const message = { commandId, attempt, step, ...none, holdReason };
    this.#options.send({ kind: 'progress', message });
  }

  #askOnceIdle(job: Job): void {
    const isHeld = job.pace === 'soft' && this.isBusy;
    if (isHeld || this.#saidBusy === job) this.#progress('rehearsed', job, isHeld ? 'busy' : '');
    this.#saidBusy = isHeld ? job : null;
    if (!isHeld) this.#ask('drain');
  }

  /** Until it is answered; before the switch a host does not wait drained. */
  #ask(point: 'drain' | 'switch'): void {
    const { job } = this;
    if (job === null) return;
    const { commandId, attempt } = job;
    const { send, random } = this.#options;
    send({ kind: 'permission', message: { commandId, attempt, point } });
    const againMs = random.spread(ASK_AGAIN_MS.shortest, ASK_AGAIN_MS.longest);
    this.#later(point === 'switch' ? UNANSWERED_MS : againMs, () => {
      if (point === 'switch') this.#enter('rehearsed');
      else this.#ask('drain');
    });
  }

  #later(ms: number, run: () => void): void {
    const turn = this.#turn;
    this.#options.after(ms, () => {
      if (turn === this.#turn) run();
    });
  }
}
