import type { DatabaseSync } from 'node:sqlite';
import type { CommandMessage, FinishMessage } from '@moult/protocol';
import { transact } from './open.ts';
import type { Outbox } from './outbox.ts';

/** `full`: not kept, so it must not be accepted; the coordinator sends it again another day. */
export type Stored = 'new' | 'known' | 'finished' | 'full';

/** Far more than any coordinator has for one host, and 64 MiB at the most: what is beyond would fill the disk. */
const WAITING_MAX = 1_000;
/** What is no task finds room however many of these wait. */
const TASKS_WAITING_MAX = 900;

/**
 * How many finished commands are remembered, so that a repeated one is not run again. Beyond it one is forgotten when its
 * end is acknowledged: until then the coordinator says it again in each session.
 */
const REMEMBERED_MAX = 1_000;

/**
 * Accepted commands. A row is on the disk before `accept` is sent; its id is remembered beyond its end. */
export interface Inbox {
  /**
   * All in one transaction; what became of each, in their order. `finished`: it ended here already; `finishAgain` repeats
   * its report. What `effect` writes goes into the same transaction; nothing is written of one that is `full`.
   */
  store(
    commands: readonly CommandMessage[],
    effect?: (command: CommandMessage) => void,
  ): readonly Stored[];
  /** Commands without an end, in the order of their arrival. */
  waiting(): readonly CommandMessage[];
  /**
   * Ends a command and puts its report into the outbox, in one transaction with what `effect` writes. Repeating it
   * changes nothing, and has no effect (U13).
   */
  finish(finish: FinishMessage, effect?: () => void): void;
  /** Puts the report of an ended command into the outbox again, if it is no longer there. */
  finishAgain(command: Pick<CommandMessage, 'commandId' | 'attempt'>): void;
  /** Ended, and its report acknowledged. */
  isReported(attempt: Pick<CommandMessage, 'commandId' | 'attempt'>): boolean;
}

export function createInbox(database: DatabaseSync, outbox: Outbox): Inbox {
  const find = database.prepare('SELECT finish FROM inbox WHERE command_id = ? AND attempt = ?');
  const insert = database.prepare(
    'INSERT INTO inbox (command_id, attempt, message) VALUES (?, ?, ?)',
  );
  const end = database.prepare(
    'UPDATE inbox SET finish = ? WHERE command_id = ? AND attempt = ? AND finish IS NULL',
  );
  const forget = database.prepare(
    `DELETE FROM inbox WHERE finish IS NOT NULL AND arrival <= (SELECT max(arrival) FROM inbox) - ?
       AND NOT EXISTS (SELECT 1 FROM outbox WHERE attempt_id = command_id || '/' || attempt)`,
  );
  const waiting = database.prepare(
    'SELECT message FROM inbox WHERE finish IS NULL ORDER BY arrival',
  );
  const finishOf = (ref: { readonly commandId: string; readonly attempt: number }) =>
    find.get(ref.commandId, ref.attempt);
  const idOf = (ref: { readonly commandId: string; readonly attempt: number }) =>
    `${ref.commandId}/${ref.attempt}`;

  // Looked at whenever something ends: nobody else writes here, so what was read once stays true.
  let known: Map<string, CommandMessage> | null = null;
  const open = () => {
    known ??= new Map(
      waiting.all().map((row) => {
        const command = JSON.parse(String(row['message'])) as CommandMessage;
        return [idOf(command), command];
      }),
    );
    return known;
  };

  return {
    store: (commands, effect) => {
      const isFull = ({ task }: CommandMessage, count: number) =>
        open().size + count >= (task ? TASKS_WAITING_MAX : WAITING_MAX);
      const added: CommandMessage[] = [];
      const storeOne = (command: CommandMessage): Stored => {
        const row = finishOf(command);
        if (row === undefined) {
          if (isFull(command, added.length)) return 'full';
          insert.run(command.commandId, command.attempt, JSON.stringify(command));
          added.push(command);
        }
        effect?.(command);
        if (row === undefined) return 'new';
        return row['finish'] === null ? 'known' : 'finished';
      };
      const stored = transact(database, () => commands.map(storeOne));
      for (const command of added) open().set(idOf(command), command);
      return stored;
    },
    waiting: () => [...open().values()],
    finish: (finish, effect) => {
      transact(database, () => {
        const row = finishOf(finish);
        const text = JSON.stringify(finish);
        // An upgrade can outlive its inbox (a database begun anew): its end is remembered all the same.
        if (row === undefined) insert.run(finish.commandId, finish.attempt, '{}');
        else if (row['finish'] !== null) return;
        effect?.();
        end.run(text, finish.commandId, finish.attempt);
        outbox.append({ item: 'finish', finish }, idOf(finish));
        forget.run(REMEMBERED_MAX);
      });
      open().delete(idOf(finish));
    },
    finishAgain: (command) =>
      transact(database, () => {
        const row = finishOf(command);
        if (typeof row?.['finish'] !== 'string' || outbox.holds(idOf(command))) return;
        const finish = JSON.parse(row['finish']) as FinishMessage;
        outbox.append({ item: 'finish', finish }, idOf(command));
      }),
    isReported: (attempt) => {
      const row = finishOf(attempt);
      return typeof row?.['finish'] === 'string' && !outbox.holds(idOf(attempt));
    },
  };
}
