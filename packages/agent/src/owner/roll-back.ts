/*
 * P11, A12, A13: the owner of this host goes back to the version before, without the coordinator. What is asked of the host is found out
 * here; whether it may be done is core's to say, and the launcher's, whose record is the truth.
 *
 *   may it? ─► would the version before serve? ─► tasks are over ─► may it still? ─► boot record ─► 75
 */

import { EXIT, ROLLBACK_GRACE_MS, type Slot } from '@moult/core/boot';
import { changesText } from '@moult/core/changed-files';
import type { Component } from '@moult/core/component';
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import {
  type BootView,
  type RehearsalBefore,
  type RollbackAnswer,
  rollbackAnswer,
  saidOf,
  troubleGoingBack,
} from '@moult/core/upgrade';
import type { Version } from '@moult/core/versions';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import { committedSinceMs } from '../database/committed-since.ts';
import type { AgentStore } from '../database/index.ts';
import type { Ending } from '../ending.ts';
import type { PipeClient } from '../launcher/pipe-client.ts';
import type { Orders } from '../orders.ts';
import type { Slots } from '../ports.ts';
import type { Tasks } from '../tasks/tasks.ts';
import type { Upgrader } from '../upgrade/upgrader.ts';
import { NO_EVIDENCE } from '../upgrade/workers.ts';
import { pause } from '../waiting.ts';

export interface OwnersRollbackOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: Pick<AgentStore, 'meta' | 'readableSince'>;
  readonly slots: Pick<Slots, 'changesOf' | 'manifestOf'>;
  readonly isPreflightOff: boolean;
  readonly pipe: Pick<PipeClient, 'request' | 'rehearse'>;
  /** Of the agent, as it is now. */
  readonly parts: () => {
    readonly upgrader: Pick<Upgrader, 'state' | 'send'>;
    readonly orders: Pick<Orders, 'hold'> & { readonly tasks: Pick<Tasks, 'quiet'> };
    readonly view: BootView;
  };
  readonly ending: Pick<Ending, 'end' | 'signal'>;
}

/** What the owner says. */
export interface RollbackWord {
  readonly by: string;
  readonly why: string;
  readonly isForced: boolean;
}

export interface RolledBack {
  readonly component: Component;
  readonly from: Version;
  /** Null: the first launcher itself. */
  readonly to: Version | null;
}

type GoingBack = Extract<RollbackAnswer, { readonly kind: 'go-back' }>;

/** Whoever has asked gets the answer first. */
const LEAVE_AFTER_MS = 200;

/** Resolves when the boot record says so, and a moment before this process ends. The signal counts until the launcher is asked. */
export class OwnersRollback {
  readonly #options: OwnersRollbackOptions;
  #isUnderWay = false;

  constructor(options: OwnersRollbackOptions) {
    this.#options = options;
  }

  async roll(word: RollbackWord, signal: AbortSignal): Promise<RolledBack> {
    if (this.#isUnderWay) {
      throw new CodedError('upgrade-under-way', 'a rollback by hand is under way already');
    }
    this.#isUnderWay = true;
    try {
      return await this.#roll(word, signal);
    } finally {
      this.#isUnderWay = false;
    }
  }

  async #roll(word: RollbackWord, signal: AbortSignal): Promise<RolledBack> {
    let answer = this.#answerTo(word);
    if (answer.kind === 'give-up') {
      await this.#giveUp(answer.attemptId, word);
      answer = this.#answerTo(word);
    }
    if (answer.kind === 'end-trial') return await this.#endTrial(answer, word);
    const going = required(answer);
    await this.#prove(going, word, signal);
    const { log, parts } = this.#options;
    const { orders } = parts();
    const letGo = orders.hold();
    try {
      const onBusy = () => log.info('the rollback by hand waits for the tasks that run');
      await orders.tasks.quiet('restart', { signal, onBusy });
      signal.throwIfAborted();
      // They may have run for hours.
      const still = required(this.#answerTo(word));
      if (still.to.digest !== going.to.digest) {
        const message = `the version before is ${still.to.version} by now`;
        throw new CodedError('upgrade-under-way', message);
      }
      return await this.#goBack(still, word);
    } catch (error) {
      letGo();
      throw error;
    }
  }

  #answerTo({ isForced }: RollbackWord): RollbackAnswer {
    const { parts, store, clock } = this.#options;
    const { upgrader, view } = parts();
    return rollbackAnswer({
      upgrade: upgrader.state,
      view,
      committedSinceMs: committedSinceMs(store.meta, view.agent.committed),
      nowMs: clock.nowMs(),
      isForced,
    });
  }

  /** As if the order had been taken back (U20). */
  async #giveUp(attemptId: string, word: RollbackWord): Promise<void> {
    const { parts, clock, log } = this.#options;
    const reason = `rolled back by hand: ${saidOf(word)}`;
    log.warn('an upgrade is given up for a rollback by hand', { attemptId });
    const about = { attemptId, nowMs: clock.nowMs() };
    const end = { kind: 'permission-denied', point: 'drain', reason, isFinal: true } as const;
    await parts().upgrader.send({ ...end, ...about });
  }

  /** The launcher refuses it as it does any trial; the version before says how it ended. */
  async #endTrial(
    trial: Extract<RollbackAnswer, { readonly kind: 'end-trial' }>,
    word: RollbackWord,
  ): Promise<RolledBack> {
    const { parts, clock } = this.#options;
    const { upgrader } = parts();
    const { attemptId, component, from, to } = trial;
    const about = { attemptId, reason: saidOf(word), nowMs: clock.nowMs() };
    await upgrader.send({ kind: 'rejected', by: 'owner', ...about });
    const { kind } = upgrader.state;
    if (kind !== 'rolling-back') {
      const message = `${component} ${from} is ${kind}`;
      throw new CodedError('upgrade-under-way', message);
    }
    return { component, from, to };
  }

  /** Rejects with why this host must not go back. */
  async #prove({ from, to }: GoingBack, word: RollbackWord, signal: AbortSignal): Promise<void> {
    const { slots, store, log } = this.#options;
    const changes = await slots.changesOf('agent', to, { signal, isQuick: false });
    const damage =
      changes.count === 0 ? null : `${to.version} was changed by hand: ${changesText(changes)}`;
    const [own, before] = [
      await slots.manifestOf('agent', from),
      await slots.manifestOf('agent', to),
    ];
    const canBe = damage === null && before?.rehearses === true;
    const rehearsal = canBe ? await this.#rehearsed(to, signal) : NOT_KNOWN;
    const trouble = troubleGoingBack({
      to,
      damage,
      stateSchema: before?.stateSchema ?? null,
      readableSince: store.readableSince,
      isIrreversible: own?.irreversible ?? false,
      rehearsal: this.#options.isPreflightOff ? { outcome: 'switched-off' } : rehearsal,
      isForced: word.isForced,
    });
    if (trouble !== null) throw new CodedError(trouble.code, trouble.message);
    log.info('the version before would serve', { version: to.version, ...rehearsal });
  }

  async #rehearsed(to: Slot, signal: AbortSignal): Promise<RehearsalBefore> {
    const { pipe, isPreflightOff } = this.#options;
    if (isPreflightOff) return { outcome: 'switched-off' };
    try {
      return await pipe.rehearse(to, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { code, message } = codedErrorFrom(error);
      return { outcome: 'not-done', detail: `it could not be rehearsed: ${code}: ${message}` };
    }
  }

  async #goBack({ from, to }: GoingBack, word: RollbackWord): Promise<RolledBack> {
    const { pipe, clock, log, ending } = this.#options;
    // This process makes way for what the boot record says.
    const leave = () => ending.end(EXIT.bootRecorded, ROLLBACK_GRACE_MS);
    const attemptId = `owner/${clock.nowMs()}`;
    const detail = saidOf(word);
    const evidence = { ...NO_EVIDENCE, reason: 'rolled-back-by-owner', detail } as const;
    const versions = { from: from.version, to: to.version };
    try {
      await pipe.request(
        { kind: 'roll-back', component: 'agent', attemptId, evidence },
        ending.signal,
      );
    } catch (error) {
      // Nobody knows whether the record says so: what it says is booted.
      if (error instanceof CodedError && error.code === 'launcher-silent') leave();
      throw named(error);
    }
    log.warn('rolled back by the owner of this host', { ...versions, said: detail });
    void pause(clock, LEAVE_AFTER_MS, ending.signal).then(leave);
    return { component: 'agent', ...versions };
  }
}

/** Its manifest says that it knows no rehearsals, or cannot be read. */
const NOT_KNOWN: RehearsalBefore = {
  outcome: 'not-done',
  detail: 'it is from before rehearsals: nobody can find out whether it would serve',
};

function required(answer: RollbackAnswer): GoingBack {
  if (answer.kind === 'go-back') return answer;
  if (answer.kind === 'refuse') throw new CodedError(answer.code, answer.message);
  throw new CodedError('upgrade-under-way', 'another upgrade has begun meanwhile');
}

/** The launcher that this host has is from before rollbacks by hand. */
function named(error: unknown): unknown {
  if (!(error instanceof CodedError) || error.code !== 'launcher-too-old') return error;
  return new CodedError('launcher-too-old', 'this launcher cannot go back by hand yet', {
    remedy:
      'Upgrade the launcher first (`moult agents upgrade AGENT --component launcher`); or order the version before: `moult agents upgrade AGENT --to VERSION`.',
  });
}
