/*
 * Whom a selector means: every agent that there is, page by page of the store, never capped. Whatever acts on many
 * takes its agents from here. Presence is a fact of this process, the rest comes from the store; between two pages
 * everybody else has a turn on the loop.
 */
import { CodedError } from '@moult/core/errors';
import { labelsOf } from '@moult/core/labels';
import {
  fieldsOf,
  matchesSelector,
  parseSelector,
  type Selector,
  type SelectorFacts,
} from '@moult/core/selector';
import { nextTurn } from '@moult/runtime/clock';
import type { SelectionRow, Store } from '@moult/store';
import type { Sessions } from '../gateway/sessions.ts';
import { marksOf } from './marks.ts';

/** Read and decided in one turn of the loop: a few milliseconds. */
const PAGE = 100;

export interface SelectionOptions {
  readonly store: Store;
  readonly sessions: Sessions;
}

export interface Selected {
  readonly agentName: string;
  readonly instanceId: string;
}

export interface Selecting {
  readonly selector: Selector;
  /** Only agents with later names; null: all. */
  readonly after?: string | null | undefined;
  /** With it also those that have a command of this idempotency key: the same order again means the same agents. */
  readonly key?: string | null;
}

/** Throws `selector-invalid`, naming the column. */
export function selectorOf(text: string): Selector {
  const parsed = parseSelector(text);
  if (parsed.ok) return parsed.selector;
  throw new CodedError('selector-invalid', parsed.message);
}

export class Selection {
  readonly #options: SelectionOptions;

  constructor(options: SelectionOptions) {
    this.#options = options;
  }

  /** Who matches, by name, as they are found (SE4). */
  async *walk(selecting: Selecting): AsyncGenerator<Selected> {
    const { store } = this.#options;
    const { selector, key = null } = selecting;
    const asked = fieldsOf(selector);
    const withDesired = asked.has('desired');
    const withWaiting = asked.has('waiting');
    for (let after = selecting.after ?? null; ; ) {
      const page = { after, limit: PAGE, withDesired, withWaiting, key };
      const rows = await store.read('selectionPage', page);
      for (const row of rows) {
        if (!row.isOfKey && !matchesSelector(selector, this.#factsOf(row))) continue;
        yield { agentName: row.agent_name, instanceId: row.id };
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE) return;
      after = last.agent_name;
      await nextTurn();
    }
  }

  /** Those of the instances that match; 100 at most. */
  async among(selector: Selector, instanceIds: readonly string[]): Promise<readonly string[]> {
    if (instanceIds.length === 0) return [];
    const asked = fieldsOf(selector);
    const rows = await this.#options.store.read('selectionPage', {
      after: null,
      limit: instanceIds.length,
      only: instanceIds,
      withDesired: asked.has('desired'),
      withWaiting: asked.has('waiting'),
      key: null,
    });
    return rows.flatMap((row) => (matchesSelector(selector, this.#factsOf(row)) ? [row.id] : []));
  }

  /** Everybody who matches now, by name: decided before anything is done to the first of them. */
  async all(selecting: Selecting): Promise<readonly Selected[]> {
    const selected: Selected[] = [];
    for await (const one of this.walk(selecting)) selected.push(one);
    return selected;
  }

  #factsOf(row: SelectionRow): SelectorFacts {
    const session = this.#options.sessions.of(row.id);
    const marks = marksOf(row, session);
    return {
      agent: row.agent_name,
      group: row.group_name,
      state: session === null ? 'Down' : row.state,
      marks,
      isBusy: row.is_idle === 0 || marks.includes('busy'),
      platform: row.platform,
      version: row.agent_version,
      launcherVersion: row.launcher_version,
      desired: row.desired,
      waiting: row.waiting,
      labels: labelsOf({ host: JSON.parse(row.host_labels), given: JSON.parse(row.labels) }),
    };
  }
}
