/*
 * Defects that were put in on purpose: a simulation that does not find them would not find real ones. Each replaces
 * a text of a source file while it is loaded (plant.ts), in a process of its own.
 */
import { PLANTED_ROLLOUTS } from './rollouts/planted-rollouts.ts';

export interface Planted {
  readonly name: string;
  /** Below packages/. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Whose lives find it. */
  readonly lives?: 'fleet' | 'rollouts';
  /** The first life to live: one that found it when it was planted, where those before take long to; 1 unless given. */
  readonly seed?: number;
}

const MACHINE = 'core/src/upgrade/machine.ts';
const STEPS = 'core/src/boot/record-steps.ts';
const VERDICT = 'core/src/boot/verdict.ts';
const LAUNCHER = 'launcher/src/launcher.ts';
const TASKS = 'agent/src/tasks/tasks.ts';
const TASK_RUNS = 'agent/src/database/task-runs.ts';
const UPGRADER = 'agent/src/upgrade/upgrader.ts';

export const PLANTED: readonly Planted[] = [
  {
    name: 'an attested trial is committed without the word of the coordinator',
    file: MACHINE,
    from: 'attested: (state) => (state.isAttested ? state : { ...state, isAttested: true }),',
    to: `attested: (state, event) => ({
      kind: 'committing',
      course: at(state.course, 'committing', event.nowMs),
      slot: state.slot,
      retry: NO_RETRY,
    }),`,
  },
  {
    name: 'a try is not counted',
    file: STEPS,
    from: ': { tries: trial.tries + 1 };',
    to: ': { tries: Math.max(1, trial.tries) };',
  },
  {
    name: 'work is tried again without a limit',
    file: MACHINE,
    from: 'if (!event.isRetryable || state.retry.failures >= delaysMs.length) {',
    to: 'if (delaysMs.length === 0) {',
  },
  {
    name: 'a changed boot id gives all tries back',
    seed: 135,
    file: STEPS,
    from: '? { rebootTries: trial.rebootTries + 1 }',
    to: '? { tries: 1, rebootTries: 0 }',
  },
  {
    name: 'success is reported before the launcher has committed',
    seed: 59,
    file: MACHINE,
    from: `        onTrial: () => state,
        untried: () => lost(state, event.nowMs),
      }),
    committed:`,
    to: `        onTrial: () => report(state.course, { kind: 'succeeded' }, event.nowMs),
        untried: () => lost(state, event.nowMs),
      }),
    committed:`,
  },
  {
    name: 'the launcher answers before it has saved',
    file: LAUNCHER,
    from: 'await this.#options.disk.writeRecord(encodeBootRecord(record));',
    to: 'void this.#options.disk.writeRecord(encodeBootRecord(record)).catch(() => undefined);',
  },
  {
    name: 'a broken world is taken for a broken agent',
    file: VERDICT,
    from: ": quiet({ kind: 'world-broken', ticks: 0 }),\n    dialled: 'ignore',\n  },\n  dialling",
    to: ": struck({ kind: 'dialling', strikes: verdict.strikes, mode: 'beside', ticks: 0 }, null),\n    dialled: 'ignore',\n  },\n  dialling",
  },
  {
    name: 'a hang is not noticed',
    file: 'core/src/boot/pipe.ts',
    from: 'export const HANG_TICKS = 12;',
    to: 'export const HANG_TICKS = 12_000_000;',
  },
  {
    name: 'an unanswered last permission counts as granted',
    seed: 96,
    file: MACHINE,
    from: "'permission-unanswered': undrain,",
    to: `'permission-unanswered': (state, event) => ({
      kind: 'switching',
      course: at(state.course, 'switching', event.nowMs),
      slot: state.slot,
      retry: NO_RETRY,
    }),`,
  },
  {
    name: 'a refusal is told by its digest alone',
    seed: 370,
    file: 'core/src/upgrade/fate.ts',
    from: 'component.refused.find((entry) => entry.attemptId === attemptId);',
    to: 'component.refused.find((entry) => entry.digest === slot?.digest);',
  },
  {
    name: 'work that failed feeds nothing back',
    file: UPGRADER,
    from: 'if (signal.aborted) return null;\n      const error',
    to: 'return null;\n      const error',
  },
  {
    name: 'an end is not put into the outbox',
    file: 'agent/src/database/inbox.ts',
    from: 'end.run(text, finish.commandId, finish.attempt);\n        outbox.append',
    to: 'end.run(text, finish.commandId, finish.attempt);\n        if (finish.outcome !== "rolled-back") outbox.append',
  },
  {
    name: 'cleaning up keeps only what runs',
    file: 'agent/src/cleanup.ts',
    from: 'if (recorded.has(dir) || isOwn(dir) || isReady(component, dir)) continue;',
    to: 'if (isOwn(dir) || isReady(component, dir)) continue;',
  },
  {
    name: 'an outage is held against a launcher on trial',
    seed: 39,
    file: 'core/src/boot/watching.ts',
    from: 'isHeard && !isUnwell(last)',
    to: 'isHeard && last.reached',
  },
  {
    name: 'a trial that no upgrade knows of stays',
    seed: 127,
    file: 'agent/src/upgrade/orphan-trial.ts',
    from: 'if (attemptId === null || isExpected) continue;',
    to: 'if (attemptId !== "") continue;',
  },
  {
    name: 'a command is acknowledged before it is in the inbox',
    seed: 26,
    file: 'agent/src/commands.ts',
    from: 'const stored = store.inbox.store(commands,',
    to: `for (const { commandId, attempt } of commands) {
      this.#options.send({ kind: 'accept', message: { commandId, attempt } });
    }
    const stored = store.inbox.store(commands,`,
  },
  {
    name: 'a ticket is used up before its welcome has arrived',
    file: 'core/src/identity.ts',
    from: 'shown.ticket === known.ticket || shown.ticket === known.previousTicket;',
    to: 'shown.ticket === known.ticket;',
  },
  {
    name: 'everybody has a turn',
    lives: 'fleet',
    file: 'store/src/operations/hold-facts.ts',
    from: "return of.command.origin !== 'manual' && (await isTurnTaken(db, of));",
    to: 'return of.command.id === of.instance.id && (await isTurnTaken(db, of));',
  },
  {
    name: 'the coordinator acknowledges output that it has not stored',
    lives: 'fleet',
    file: 'store/src/operations/output.ts',
    from: 'if (sequence <= last) continue;',
    to: 'if (sequence <= last || sequence % 5 === 0) continue;',
  },
  {
    name: 'a command ends a second time',
    lives: 'fleet',
    file: 'core/src/command/machine.ts',
    from: "revoked: ended({ 'finished-well': 'succeeded' }),",
    to: "revoked: ended({ 'finished-well': 'succeeded', 'finished-badly': 'failed' }),",
  },
  {
    name: 'what a crash left of a task is not ended',
    seed: 35,
    file: TASKS,
    from: 'if (starts > 0) await programs.endLeft(row);',
    to: '',
  },
  {
    name: 'a task is started before it is in the journal',
    seed: 35,
    file: TASK_RUNS,
    from: `save(row);
        outbox`,
    to: 'outbox',
  },
  {
    name: 'a task that is over stays in the journal',
    file: TASK_RUNS,
    from: 'remove.run(said.run);',
    to: '',
  },
  {
    name: 'tasks start in any state',
    file: 'core/src/task/starting.ts',
    from: "if (actionAnswer('task', facts).kind !== 'now') return [];",
    to: '',
  },
  {
    name: 'draining does not wait for tasks',
    file: 'agent/src/upgrade/draining.ts',
    from: 'if (!isTooLate) await options.quiet({ signal, onBusy });',
    to: 'if (!isTooLate) onBusy();',
  },
  ...PLANTED_ROLLOUTS,
];
