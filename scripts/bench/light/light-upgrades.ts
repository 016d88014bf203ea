/*
 * What a light agent does of upgrades: all that the coordinator sees of one, at once. Acceptance, progress, both
 * permissions, another session that proves the ordered digest and shows the command's nonce, the healthy report that asks
 * for the word to commit, and the end, said until it is acknowledged. Nothing is fetched or started.
 */
import { randomUUID } from 'node:crypto';
import { attemptIdOf } from '@moult/core/upgrade';
import type {
  AgentFrame,
  CommandMessage,
  FinishMessage,
  SlotMessage,
  UpgradeReport,
} from '@moult/protocol';

/** Of each carrying out of a command; a host's word, with its clock. */
export interface Execution {
  readonly agentName: string;
  readonly commandId: string;
  readonly version: string;
  readonly acceptedMs: number;
  /** When it was said that it is over; 0: it is not. */
  finishedMs: number;
}

type Step = 'fetching' | 'draining' | 'switching' | 'probation';

interface Course {
  readonly command: CommandMessage;
  readonly to: SlotMessage;
  readonly execution: Execution;
  step: Step;
}

/** What of a report is about upgrades. */
export interface ReportedUpgrades {
  readonly state: 'Up' | 'Upgrading';
  readonly marks: readonly string[];
  readonly upgrade: UpgradeReport | null;
  readonly current: SlotMessage;
  readonly previous: SlotMessage | null;
  readonly trialAttemptId: string;
}

export interface LightHost {
  readonly name: string;
  send(frame: AgentFrame): void;
  report(): void;
  /** Another process takes over: the session ends, and a new one begins at once. */
  redial(): void;
  /** Null: there is no such release. */
  digestOf(version: string): string | null;
  executed(execution: Execution): void;
}

const BYTES = 1_500_000;
/** A permission that was denied for now is asked for again, as an agent does. */
const AGAIN_MS = 1_000;

export class LightUpgrades {
  readonly #host: LightHost;
  #current: SlotMessage;
  #previous: SlotMessage | null = null;
  #course: Course | null = null;
  /** Ids are remembered beyond their end. */
  readonly #ended = new Map<string, FinishMessage>();
  /** The first of them has the sequence `#acknowledged + 1`. */
  #outbox: FinishMessage[] = [];
  #acknowledged = 0;
  readonly #epoch = randomUUID();

  constructor(host: LightHost, current: SlotMessage) {
    this.#host = host;
    this.#current = current;
  }

  /** What runs. */
  get running(): SlotMessage {
    return this.#course?.step === 'probation' ? this.#course.to : this.#current;
  }

  /** Shown in a hello by who is on trial. */
  get nonce(): string {
    const { step, command } = this.#course ?? {};
    return step === 'probation' ? (command?.autoUpgrade?.nonce ?? '') : '';
  }

  get said(): ReportedUpgrades {
    const course = this.#course;
    const slots = { current: this.#current, previous: this.#previous };
    if (course === null)
      return { state: 'Up', marks: [], upgrade: null, ...slots, trialAttemptId: '' };
    const isOnTrial = course.step === 'probation';
    const { commandId, attempt } = course.command;
    return {
      state: 'Upgrading',
      marks: isOnTrial ? ['probation'] : [],
      upgrade: {
        ...{ commandId, attempt, component: 'agent', step: course.step, isHealthy: isOnTrial },
        ...{ detail: '', bytesDone: BYTES, bytesTotal: BYTES },
      },
      ...slots,
      trialAttemptId: isOnTrial ? attemptIdOf(course.command) : '',
    };
  }

  /** A session is open: what was on its way is said again. */
  welcomed(of: { readonly epoch: string; readonly sequence: number }): void {
    if (of.epoch === this.#epoch) this.#acknowledge(of.sequence);
    this.#deliver();
    if (this.#course !== null) this.#go(this.#course);
  }

  ordered(command: CommandMessage): void {
    const { commandId, attempt } = command;
    this.#host.send({ kind: 'accept', message: { commandId, attempt } });
    const ended = this.#ended.get(commandId);
    if (ended !== undefined) this.#finish(ended);
    else if (this.#course === null) this.#begin(command);
  }

  granted(point: string): void {
    const course = this.#course;
    if (course?.step === 'draining' && point === 'drain') {
      course.step = 'switching';
      this.#go(course);
    } else if (course?.step === 'switching' && point === 'switch') {
      course.step = 'probation';
      this.#host.executed(course.execution);
      this.#host.redial();
    }
  }

  denied(isFinal: boolean): void {
    const course = this.#course;
    if (course === null) return;
    if (isFinal) this.#end(course, 'denied');
    else setTimeout(() => this.#course === course && this.#go(course), AGAIN_MS).unref();
  }

  confirmed(commandId: string): void {
    const course = this.#course;
    if (course?.step !== 'probation' || course.command.commandId !== commandId) return;
    this.#previous = this.#current;
    this.#current = course.to;
    this.#end(course, 'succeeded');
  }

  acknowledged(sequence: number): void {
    this.#acknowledge(sequence);
    this.#host.report();
  }

  #begin(command: CommandMessage): void {
    const version = command.autoUpgrade?.version ?? '';
    const digest = this.#host.digestOf(version);
    if (digest === null) throw new Error(`there is no digest of ${version}`);
    const { commandId } = command;
    const agentName = this.#host.name;
    const execution = { agentName, commandId, version, acceptedMs: Date.now(), finishedMs: 0 };
    this.#course = { command, to: { version, digest }, execution, step: 'fetching' };
    this.#go(this.#course);
  }

  #go(course: Course): void {
    const { commandId, attempt } = course.command;
    const ref = { commandId, attempt };
    switch (course.step) {
      case 'fetching':
        this.#host.send({
          kind: 'progress',
          message: {
            ...{ ...ref, step: 'fetching', detail: '', holdReason: '' },
            ...{ bytesDone: BYTES, bytesTotal: BYTES },
          },
        });
        course.step = 'draining';
        this.#host.report();
        this.#host.send({ kind: 'permission', message: { ...ref, point: 'drain' } });
        return;
      case 'draining':
        this.#host.send({ kind: 'permission', message: { ...ref, point: 'drain' } });
        return;
      case 'switching':
        this.#host.send({ kind: 'permission', message: { ...ref, point: 'switch' } });
        return;
      // The report of a new session asks for the word to commit.
      case 'probation':
        return;
    }
  }

  #end(course: Course, outcome: 'succeeded' | 'denied'): void {
    this.#course = null;
    course.execution.finishedMs = Date.now();
    const { commandId, attempt } = course.command;
    const said = { outcome, code: '', message: '', evidence: null, component: 'agent' };
    const finish: FinishMessage = {
      ...{ commandId, attempt, ...said, from: this.#previous, current: this.#current },
      steps: [{ step: 'fetching', startedMs: course.execution.acceptedMs }],
      ...{ bytesFetched: BYTES, bytesTotal: BYTES, rehearsal: 'passed' },
      wantedVersion: course.to.version,
    };
    this.#ended.set(commandId, finish);
    this.#finish(finish);
  }

  #finish(finish: FinishMessage): void {
    this.#outbox.push(finish);
    this.#deliver();
  }

  #deliver(): void {
    if (this.#outbox.length === 0) return;
    const items = this.#outbox.map((finish) => ({ item: 'finish', finish }) as const);
    const message = { epoch: this.#epoch, firstSequence: this.#acknowledged + 1, items };
    this.#host.send({ kind: 'output', message });
  }

  #acknowledge(sequence: number): void {
    this.#outbox = this.#outbox.slice(Math.max(0, sequence - this.#acknowledged));
    this.#acknowledged = Math.max(this.#acknowledged, sequence);
  }
}
