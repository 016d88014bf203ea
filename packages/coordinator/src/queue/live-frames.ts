/* What a live session says becomes facts in the store; the answers go back on the same session. */
import { createHash } from 'node:crypto';
import type { CommandState } from '@moult/core/command';
import { isComponent } from '@moult/core/component';
import type { PermissionPoint } from '@moult/core/upgrade';
import type { AgentFrame, AgentMessages, Report, UpgradeReport } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import { type CommandTable, type Store, TRIAL_STEPS } from '@moult/store';
import type { LiveSessions } from '../gateway/gateway.ts';
import { cut, readHoldReason, readOutputItem, readReport } from '../gateway/report-reading.ts';
import type { Session } from '../gateway/session.ts';
import type { OutputWaiters } from '../output/output-waiters.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Why } from './why.ts';

export interface LiveFramesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly dispatcher: Dispatcher;
  readonly why: Why;
  readonly waiters: OutputWaiters;
}

/** Ended by an operator or by time, not by the host. */
const TAKEN_BACK: ReadonlySet<CommandState> = new Set(['revoked', 'skipped', 'expired']);

export class LiveFrames implements LiveSessions {
  readonly #options: LiveFramesOptions;
  /** Work that a session's begin or end left behind: awaited at a stop. */
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: LiveFramesOptions) {
    this.#options = options;
  }

  /** What waits for it goes out when it checks: that is the first thing it says (H9). */
  onLive(session: Session): void {
    const { log } = this.#options;
    const telling = this.#tellTasksTakenBack(session).catch((error: unknown) => {
      log.error('an agent was not told of tasks that were taken back; its next session is', {
        agent: session.agentName,
        err: error,
      });
    });
    this.#await(telling);
  }

  onEnded(session: Session): void {
    this.#await(this.#end(session).catch(() => undefined));
  }

  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #await(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  async onFrame(session: Session, frame: AgentFrame): Promise<void> {
    switch (frame.kind) {
      case 'report':
        return this.#report(session, frame.message);
      case 'check':
        return this.#check(session);
      case 'accept':
        return this.#accept(session, frame.message);
      case 'progress':
        return this.#progress(session, frame.message);
      case 'permission':
        return this.#permission(session, frame.message);
      case 'output':
        return this.#output(session, frame.message);
      case 'pong':
      case 'unsupported':
        return;
      case 'hello':
      case 'prove':
        session.close('unexpected-frame');
    }
  }

  async #report(session: Session, report: Report): Promise<void> {
    const { store, clock, dispatcher } = this.#options;
    const read = readReport(report, { instanceId: session.instanceId, nowMs: 0 });
    const hash = createHash('sha1').update(JSON.stringify(read)).digest('base64');
    if (hash !== session.lastReportHash) {
      const isFirst = session.lastReportHash === '';
      if (!isFirst || !(await store.read('isReportStored', read))) {
        await store.write('recordReport', { ...read, nowMs: clock.nowMs() });
        dispatcher.touch(session.instanceId);
      }
      session.lastReportHash = hash;
    }
    const { upgrade } = report;
    if (session.unknownNonce !== '') await this.#adopt(session, upgrade);
    const { trial } = session;
    if (upgrade === null) return;
    if (trial === null) return this.#tellIfTakenBack(session, upgrade);
    if (upgrade.commandId !== trial.commandId || upgrade.attempt !== trial.attempt) return;
    const { commandId, attempt } = trial;
    if (trial.rejected !== null) {
      session.send({ kind: 'reject', message: { commandId, attempt, reason: trial.rejected } });
      return;
    }
    // C10: only the session that proved the right digest is told to commit, as often as it asks.
    if (upgrade.step !== 'probation' || !upgrade.isHealthy) return;
    const ref = { instanceId: session.instanceId, commandId, attempt, nowMs: clock.nowMs() };
    if (await store.write('confirmAttempt', ref)) {
      session.send({ kind: 'confirm', message: { commandId, attempt } });
    }
  }

  /** C19, level-triggered: the word may have been lost with an earlier session. */
  async #tellIfTakenBack(session: Session, upgrade: UpgradeReport): Promise<void> {
    const { store, dispatcher } = this.#options;
    const command = await store.read('commandById', cut(upgrade.commandId));
    if (command === null || command.instance_id !== session.instanceId) return;
    if (command.attempt !== upgrade.attempt || !TAKEN_BACK.has(command.state)) return;
    dispatcher.tellTakenBack(command);
  }

  /** RS8: asked again at each report, for the release that is missing may be published meanwhile. */
  async #adopt(session: Session, upgrade: Report['upgrade']): Promise<void> {
    if (upgrade === null || !isComponent(upgrade.component)) return;
    if (!TRIAL_STEPS.includes(upgrade.step)) return;
    const { component } = upgrade;
    const attempt = { ...this.#ref(session, upgrade), component, nonce: session.unknownNonce };
    if ((await this.#options.store.write('adoptAttempt', attempt)) !== 'adopted') return;
    session.unknownNonce = '';
    session.trial = { commandId: attempt.commandId, attempt: attempt.attempt, rejected: null };
  }

  async #check(session: Session): Promise<void> {
    const { dispatcher, why } = this.#options;
    const answer = await dispatcher.answer(session.instanceId);
    if (answer === null) return;
    if (answer === 'at-rest') {
      session.send({ kind: 'hold', message: { reason: '', detail: '' } });
      return;
    }
    const reason =
      answer === 'nothing-open'
        ? await why.reasonOf(session.agentName)
        : (answer.hold_reason ?? answer.host_hold_reason ?? 'upgrading');
    const detail = answer === 'nothing-open' ? '' : `command ${answer.id}`;
    session.send({ kind: 'hold', message: { reason, detail } });
  }

  async #accept(session: Session, message: AgentMessages['accept']): Promise<void> {
    const ended = await this.#options.store.write('recordAccepted', this.#ref(session, message));
    this.#tellEnded(ended);
  }

  async #progress(session: Session, message: AgentMessages['progress']): Promise<void> {
    const ended = await this.#options.store.write('recordProgress', {
      ...this.#ref(session, message),
      step: cut(message.step),
      bytesDone: message.bytesDone,
      bytesTotal: message.bytesTotal,
      hostHoldReason: readHoldReason(message.holdReason),
    });
    this.#tellEnded(ended);
  }

  /** C19: it was taken back while its host was taking it. */
  #tellEnded(command: CommandTable | null): void {
    if (command?.kind !== 'task' || command.code !== null) return;
    if (TAKEN_BACK.has(command.state)) this.#options.dispatcher.tellTakenBack(command);
  }

  /** C19: what was taken back while its host was away. */
  async #tellTasksTakenBack(session: Session): Promise<void> {
    const { store, clock, dispatcher } = this.#options;
    const of = { instanceId: session.instanceId, nowMs: clock.nowMs() };
    for (const command of await store.read('takenBackTasks', of)) {
      dispatcher.tellTakenBack(command);
    }
  }

  async #permission(session: Session, message: AgentMessages['permission']): Promise<void> {
    const point = message.point;
    if (!isPoint(point)) return session.close('invalid-frame');
    const ref = this.#ref(session, message);
    const answer = await this.#options.store.write('decidePermission', { ...ref, point });
    const { commandId, attempt } = message;
    if (answer.kind === 'granted') {
      session.send({ kind: 'granted', message: { commandId, attempt, point } });
      return;
    }
    const { reason, isFinal } = answer;
    session.send({ kind: 'denied', message: { commandId, attempt, point, reason, isFinal } });
  }

  async #output(session: Session, message: AgentMessages['output']): Promise<void> {
    const { store, clock, dispatcher, waiters } = this.#options;
    // A sequence beyond the safe integers could be stored, and never be read again.
    const endSequence = message.firstSequence + message.items.length;
    const isSane = message.firstSequence >= 1 && endSequence <= Number.MAX_SAFE_INTEGER;
    if (!isSane || message.epoch === '' || message.epoch.length > 128) {
      return session.close('invalid-frame');
    }
    const stored = await store.write('storeOutput', {
      instanceId: session.instanceId,
      epoch: message.epoch,
      firstSequence: message.firstSequence,
      items: message.items.map(readOutputItem),
      nowMs: clock.nowMs(),
    });
    const { epoch } = message;
    session.send({ kind: 'outputAck', message: { epoch, lastSequence: stored.lastSequence } });
    waiters.stored(session.instanceId);
    for (const one of stored.finished) {
      if (one.kind !== 'ended') continue;
      dispatcher.touch(session.instanceId);
      if (one.isTask) continue;
      const { component, commandId } = one;
      if (one.isCleanupDue && session.canCleanUp) {
        session.send({ kind: 'cleanup', message: { component, commandId } });
      }
      await dispatcher.touchGroup(one.group);
    }
  }

  /** C3. */
  async #end(session: Session): Promise<void> {
    const { store, clock, dispatcher } = this.#options;
    const { instanceId } = session;
    if (session.hasSentCommands) {
      await store.write('lapse', { instanceId, nowMs: clock.nowMs() });
      const instance = await store.read('instanceById', instanceId);
      if (instance !== null) await dispatcher.touchGroup(instance.group_name);
    }
    dispatcher.touch(instanceId);
  }

  #ref(
    session: Session,
    message: { readonly commandId: string; readonly attempt: number },
  ): { instanceId: string; commandId: string; attempt: number; nowMs: number } {
    return {
      instanceId: session.instanceId,
      commandId: cut(message.commandId),
      attempt: message.attempt,
      nowMs: this.#options.clock.nowMs(),
    };
  }
}

function isPoint(text: string): text is PermissionPoint {
  return text === 'drain' || text === 'switch';
}
