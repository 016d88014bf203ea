/*
 * The coordinator as its agents know it: the wire, and what it must not forget. Rows survive a restart, sessions do
 * not. It may be away, busy, slow, or lose the answer to a frame that it has taken; what it acknowledged it has.
 */

import type { ControlKind } from '@moult/core/command';
import { judgeSession, type SessionRecord, sessionAfter } from '@moult/core/identity';
import type { AgentFrame, AgentMessages, CoordinatorFrame, FinishMessage } from '@moult/protocol';
import { CLOSE_REASONS } from '@moult/protocol';
import { ControlOrders } from './control-orders.ts';
import type { ServerEnd, ServerListener } from './network.ts';
import { isShown, type OrderRow, shortOf } from './order-row.ts';
import type { Door, World } from './world.ts';

interface Session {
  readonly end: ServerEnd;
  hello: AgentMessages['hello'] | null;
  isLive: boolean;
  isOver: boolean;
  answeredMs: number;
}

const PING_MS = 20_000;
const PONG_MS = 50_000;

export class CoordinatorModel implements Door {
  readonly #world: World;
  readonly orders: OrderRow[] = [];
  readonly controls: ControlOrders;
  report: AgentMessages['report'] | null = null;
  /** The process must be up to be connected to. */
  isUp = true;
  isBusy = false;
  isSlow = false;
  /** Answers a hello, and says nothing to a proof. */
  isMute = false;
  /** Some answers get lost. */
  isForgetful = false;
  /** Everything is said twice. */
  isRepeating = false;
  /** Permissions are answered with `not now`. */
  isReluctant = false;
  /** Says things about a running attempt that nobody asked for, at the wrong moment. */
  isConfused = false;
  #known: SessionRecord = { counter: 0, ticket: '', previousTicket: '' };
  #output = { epoch: '', sequence: 0 };
  readonly #endsKept = new Set<string>();
  #session: Session | null = null;
  readonly #sessions = new Set<Session>();

  constructor(world: World) {
    this.#world = world;
    this.controls = new ControlOrders(world);
  }

  control(action: ControlKind): void {
    this.controls.order(action);
    if (this.#session !== null) this.#offer(this.#session);
  }

  orderTask(): void {
    this.#world.tasks.order();
    if (this.#session !== null) this.#offer(this.#session);
  }

  /** Takes back what has no end yet, and says so, as a coordinator does where its word may still be in time. */
  revoke(row: { isRevoked: boolean; readonly commandId: string; readonly attempt?: number }): void {
    row.isRevoked = true;
    if (this.#session === null) return;
    const { commandId, attempt = 1 } = row;
    const message = { commandId, attempt, point: '', reason: 'revoked', isFinal: true };
    this.#answer(this.#session, { kind: 'denied', message });
  }

  /** Of a version that nobody has called well, or that is no longer on trial. */
  rejectUnasked(): void {
    const order = this.#openOrder();
    if (order === null || this.#session === null) return;
    const { commandId, attempt } = order;
    order.isRejected = true;
    const reason = 'an operator said no';
    this.#answer(this.#session, { kind: 'reject', message: { commandId, attempt, reason } });
  }

  #openOrder(): OrderRow | null {
    return this.orders.find((row) => row.ends.length === 0 && row.isAccepted) ?? null;
  }

  order(
    row: Pick<OrderRow, 'commandId' | 'attempt' | 'component' | 'release' | 'isForced'>,
  ): OrderRow {
    const order: OrderRow = {
      ...row,
      attemptId: `${row.commandId}/${row.attempt}`,
      nonce: this.#world.random.hex(32),
      isAccepted: false,
      isRevoked: false,
      isToReject: false,
      isAttested: false,
      isConfirmed: false,
      isRejected: false,
      isSwitchGranted: false,
      ends: [],
    };
    this.orders.push(order);
    this.#world.trace('ordered', { attempt: order.attemptId, of: order.release.character });
    if (this.#session !== null) this.#offer(this.#session);
    return order;
  }

  orderOf(attemptId: string): OrderRow | null {
    return this.orders.find((row) => row.attemptId === attemptId) ?? null;
  }

  isListening(): boolean {
    return this.isUp;
  }

  isSwitchGranted(attemptId: string): boolean {
    return this.orderOf(attemptId)?.isSwitchGranted === true;
  }

  isConfirmed(attemptId: string): boolean {
    const order = this.orderOf(attemptId);
    return order?.isConfirmed === true && order.isAttested;
  }

  isEndKept(attemptId: string): boolean {
    return this.#endsKept.has(attemptId);
  }

  /** The process ends: all sessions with it, nothing durable. */
  restart(): void {
    for (const session of this.#sessions) this.#close(session, 'shutting-down');
    this.#sessions.clear();
    this.#session = null;
  }

  accept(end: ServerEnd): ServerListener {
    const session: Session = {
      end,
      hello: null,
      isLive: false,
      isOver: false,
      answeredMs: this.#world.scheduler.nowMs,
    };
    this.#sessions.add(session);
    this.#ping(session);
    return {
      onFrame: (frame) => {
        // One frame at a time, in order: a slow one holds up those behind it.
        this.#world.scheduler.after(this.#delayMs(session), () => {
          if (!session.isOver) this.#take(session, frame);
        });
      },
      onClosed: () => this.#forget(session),
    };
  }

  #take(session: Session, frame: AgentFrame): void {
    session.answeredMs = this.#world.scheduler.nowMs;
    if (frame.kind !== 'pong' && frame.kind !== 'report')
      this.#world.trace(`wire up ${frame.kind}`, shortOf(frame.message));
    if (this.isConfused && session.isLive) this.#ramble(session);
    if (frame.kind === 'hello') {
      this.#hello(session, frame.message);
      return;
    }
    if (frame.kind === 'prove') {
      this.#prove(session);
      return;
    }
    if (!session.isLive) {
      this.#close(session, 'unexpected-frame');
      return;
    }
    switch (frame.kind) {
      case 'report':
        this.#reported(session, frame.message);
        return;
      case 'check':
        this.#offer(session);
        return;
      case 'accept': {
        const order = this.orderOf(`${frame.message.commandId}/${frame.message.attempt}`);
        if (order !== null) order.isAccepted = true;
        this.controls.accepted(frame.message.commandId);
        this.#world.tasks.accepted(frame.message.commandId);
        return;
      }
      case 'permission':
        this.#permit(session, frame.message);
        return;
      case 'output':
        this.#store(session, frame.message);
        return;
      default:
        return;
    }
  }

  #hello(session: Session, hello: AgentMessages['hello']): void {
    session.hello = hello;
    if (this.isBusy) {
      this.#close(session, 'busy');
      return;
    }
    this.#answer(session, {
      kind: 'challenge',
      message: { nonce: this.#world.random.hex(32), nowMs: this.#world.wallMs, protocolMinor: 0 },
    });
  }

  #prove(session: Session): void {
    const { hello } = session;
    if (this.isMute) return;
    if (hello === null) {
      this.#close(session, 'unexpected-frame');
      return;
    }
    const shown = { counter: hello.counter, ticket: hello.ticket };
    if (judgeSession(this.#known, shown) === 'clone') {
      // T14 has its own tests; one host that is taken for two is a defect.
      this.#world.fail(
        'T14',
        `one host is taken for a clone: ${JSON.stringify({ known: this.#known, shown })}`,
      );
      return;
    }
    const ticket = this.#world.random.hex(16);
    this.#known = sessionAfter(shown, ticket);
    if (this.#session !== null && this.#session !== session) this.#close(this.#session, 'replaced');
    this.#session = session;
    session.isLive = true;
    for (const order of this.orders) if (isShown(order, hello)) order.isAttested = true;
    this.#answer(session, {
      kind: 'welcome',
      message: {
        ticket,
        nowMs: this.#world.wallMs,
        generation: 1,
        position: 1,
        version: '1.0.0',
        capabilities: [],
        outputEpoch: this.#output.epoch,
        outputSequence: this.#output.sequence,
        pingMs: PING_MS,
        protocolMinor: 0,
        isValidated: true,
        agentName: '',
      },
    });
  }

  #reported(session: Session, report: AgentMessages['report']): void {
    this.report = report;
    const { upgrade } = report;
    if (upgrade === null || !upgrade.isHealthy) return;
    const order = this.orderOf(`${upgrade.commandId}/${upgrade.attempt}`);
    if (order === null || session.hello === null || !isShown(order, session.hello)) return;
    const { commandId, attempt } = order;
    if (order.isToReject && !order.isConfirmed) {
      order.isRejected = true;
      const message = { commandId, attempt, reason: 'an operator said no' };
      this.#answer(session, { kind: 'reject', message });
    } else {
      order.isConfirmed = true;
      this.#answer(session, { kind: 'confirm', message: { commandId, attempt } });
    }
  }

  #permit(session: Session, question: AgentMessages['permission']): void {
    const { commandId, attempt, point } = question;
    const order = this.orderOf(`${commandId}/${attempt}`);
    const denial =
      order === null || order.isRevoked
        ? { reason: 'revoked', isFinal: true }
        : this.isReluctant
          ? { reason: 'awaiting-turn', isFinal: false }
          : null;
    const about = { commandId, attempt, point };
    if (order !== null && denial === null && point === 'switch') order.isSwitchGranted = true;
    this.#answer(
      session,
      denial === null
        ? { kind: 'granted', message: about }
        : { kind: 'denied', message: { ...about, ...denial } },
    );
  }

  #store(session: Session, output: AgentMessages['output']): void {
    const { epoch, firstSequence, items } = output;
    if (epoch !== this.#output.epoch) this.#output = { epoch, sequence: 0 };
    if (firstSequence > this.#output.sequence + 1) {
      this.#world.fail(
        'U18',
        `a silent hole in the output: ${this.#output.sequence} → ${firstSequence}`,
      );
      return;
    }
    let sequence = firstSequence - 1;
    for (const item of items) {
      sequence += item.item === 'gap' ? Math.max(1, item.gap.covers) : 1;
      if (sequence <= this.#output.sequence) continue;
      this.#output = { epoch, sequence };
      if (item.item === 'finish') this.#finished(session, item.finish);
      else this.#world.tasks.took(item);
    }
    const message = { epoch, lastSequence: this.#output.sequence };
    this.#answer(session, { kind: 'outputAck', message });
  }

  #finished(session: Session, finish: FinishMessage): void {
    const attemptId = `${finish.commandId}/${finish.attempt}`;
    this.#endsKept.add(attemptId);
    const order = this.orderOf(attemptId);
    this.#world.trace('end', { attempt: order?.attemptId, outcome: finish.outcome });
    if (order === null) {
      this.controls.finished(finish);
      this.#world.tasks.finished(finish);
      return;
    }
    if (order.ends.length === 0) this.controls.upgradeEnded(order, finish);
    order.ends.push(finish);
    this.#world.invariants.ended(order);
    if (finish.outcome !== 'succeeded') return;
    const { component, commandId } = order;
    this.#answer(session, { kind: 'cleanup', message: { component, commandId } });
  }

  /** Sending is a hint: what is not ended is sent at each check. */
  #offer(session: Session): void {
    for (const message of [...this.controls.due(), ...this.#world.tasks.due()]) {
      this.#answer(session, { kind: 'command', message });
    }
    const next = this.orders.find(
      (row) => row.ends.length === 0 && !row.isAccepted && !row.isRevoked,
    );
    if (next === undefined) {
      this.#answer(session, { kind: 'hold', message: { reason: '', detail: '' } });
      return;
    }
    const { commandId, attempt, component, release, isForced, nonce } = next;
    const { version } = release.slot;
    this.#answer(session, {
      kind: 'command',
      message: {
        commandId,
        attempt,
        notAfterMs: Number.MAX_SAFE_INTEGER,
        generation: 1,
        position: 2,
        autoUpgrade: { component, version, isForced, isRevert: false, nonce },
      },
    });
  }

  #answer(session: Session, frame: CoordinatorFrame): void {
    if (session.isOver) return;
    const { random } = this.#world;
    // What opens a session is not lost alone: the handshake's deadline would end it, as a break does.
    if (this.isForgetful && session.isLive && frame.kind !== 'welcome' && random.chance(0.3)) {
      this.#world.trace('answer lost', frame.kind);
      return;
    }
    this.#world.trace(`wire down ${frame.kind}`, shortOf(frame.message));
    session.end.send(frame);
    if (this.isRepeating && session.isLive && frame.kind !== 'welcome') session.end.send(frame);
  }

  #ramble(session: Session): void {
    const { random } = this.#world;
    const order = this.#openOrder();
    if (order === null || !random.chance(0.5)) return;
    const { commandId, attempt } = order;
    const about = { commandId, attempt };
    const point = random.pick(['drain', 'switch']);
    switch (random.weighted({ granted: 4, denied: 3, confirm: 4, reject: 1, stale: 3 })) {
      case 'granted':
        if (point === 'switch') order.isSwitchGranted = true;
        this.#answer(session, { kind: 'granted', message: { ...about, point } });
        return;
      case 'denied': {
        const message = { ...about, point, reason: 'awaiting-turn', isFinal: false };
        this.#answer(session, { kind: 'denied', message });
        return;
      }
      case 'confirm':
        // What it makes of a bad version is its own fault, and no test of this host.
        if (order.release.character !== 'good') return;
        order.isConfirmed = true;
        this.#answer(session, { kind: 'confirm', message: about });
        return;
      case 'reject':
        order.isRejected = true;
        this.#answer(session, { kind: 'reject', message: { ...about, reason: 'confused' } });
        return;
      case 'stale':
        this.#answer(session, { kind: 'confirm', message: { commandId, attempt: 99 } });
        return;
    }
  }

  #ping(session: Session): void {
    this.#world.scheduler.after(PING_MS, () => {
      if (session.isOver) return;
      if (this.#world.scheduler.nowMs - session.answeredMs > PONG_MS) {
        this.#close(session, 'no-pong');
        return;
      }
      if (session.isLive) session.end.send({ kind: 'ping', message: { id: 1 } });
      this.#ping(session);
    });
  }

  #close(session: Session, reason: keyof typeof CLOSE_REASONS): void {
    if (session.isOver) return;
    session.end.send({ kind: 'goodbye', message: { reason, retryAfterMs: 0 } });
    session.end.close(CLOSE_REASONS[reason].code);
    this.#forget(session);
  }

  #forget(session: Session): void {
    session.isOver = true;
    this.#sessions.delete(session);
    if (this.#session === session) this.#session = null;
  }

  /** Never sooner than the frame before it was taken. */
  #delayMs(session: Session): number {
    const { scheduler, random } = this.#world;
    const atMs =
      scheduler.nowMs + (this.isSlow ? random.spread(100, 20_000) : random.spread(1, 20));
    const lastMs = this.#takenMs.get(session) ?? 0;
    this.#takenMs.set(session, Math.max(atMs, lastMs + 0.001));
    return Math.max(atMs, lastMs + 0.001) - scheduler.nowMs;
  }

  readonly #takenMs = new WeakMap<Session, number>();
}
