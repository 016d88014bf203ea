/*
 * One order for many agents: who is meant is decided first, then each is acted on in a write of its own, many of which
 * share a commit. One that is refused is named with its reason and keeps nobody else from being done. What stops
 * everything (the disk, the end of this coordinator) is said too, beside what was done until then (SE5).
 */
import { CodedError, type Status } from '@moult/core/errors';
import { nextTurn } from '@moult/runtime/clock';
import { hasNoLauncher, noLauncherSelected, type Store } from '@moult/store';
import { type Selected, type Selection, selectorOf } from './selection.ts';

/** In flight at once: the store makes one commit of them, and others wait no longer than for that. */
const SIDE_BY_SIDE = 200;
/** Read in one turn of the loop: a few milliseconds. */
const READ_AT_ONCE = 50;

/** Says something of this one agent; all others are troubles of this coordinator. */
const OF_ONE_AGENT: ReadonlySet<Status> = new Set([
  'not-found',
  'already-exists',
  'failed-precondition',
  'invalid-argument',
]);

/** Either of them, never both: the route sees to that. */
export interface Target {
  readonly agents?: readonly string[] | undefined;
  readonly select?: string | undefined;
}

export type Named = Pick<Selected, 'agentName'>;

export interface Told {
  code: string;
  message: string;
  remedy: string;
}

export interface Refusal extends Told {
  agent: string;
}

export interface Acted<Done> {
  /** How many agents are meant. */
  selected: number;
  done: Done[];
  refused: Refusal[];
  /** Null: each of the selected was done or refused. */
  unfinished: Told | null;
}

/** By name. Throws `selector-invalid`, `nothing-selected` (SE6). */
export async function selectedBy(
  selection: Selection,
  of: { readonly select: string; readonly key?: string | null },
): Promise<readonly Selected[]> {
  const selector = selectorOf(of.select);
  const selected = await selection.all({ selector, key: of.key ?? null });
  if (selected.length > 0) return selected;
  throw new CodedError('nothing-selected', `no agent matches ${of.select}`);
}

/** By name; those that are given by name need not exist. Throws what `selectedBy` throws. */
export async function namedOrSelected(
  selection: Selection,
  { agents, select, key = null }: Target & { readonly key?: string | null },
): Promise<readonly Named[]> {
  if (select !== undefined) return selectedBy(selection, { select, key });
  return [...new Set(agents)].sort().map((agentName) => ({ agentName }));
}

/** All or none: a name that is wrong is said before anything is done to the others. Throws `not-found`. */
export async function existingOrSelected(
  of: { readonly store: Store; readonly selection: Selection },
  target: Target & { readonly key?: string | null },
): Promise<readonly Selected[]> {
  if (target.select !== undefined) {
    return selectedBy(of.selection, { ...target, select: target.select });
  }
  const found: Selected[] = [];
  for (const agentName of new Set(target.agents)) {
    const view = await of.store.read('agentByName', agentName);
    if (view === null) throw new CodedError('not-found', `there is no agent ${agentName}`);
    found.push({ agentName, instanceId: view.instance.id });
    if (found.length % READ_AT_ONCE === 0) await nextTurn();
  }
  return found;
}

/** Those that have a launcher, as far as is known. Throws `no-launcher-selected`. */
export async function withLauncher<One extends Named>(
  store: Store,
  all: readonly One[],
): Promise<{ readonly chosen: readonly One[]; readonly leftOut: string[] }> {
  const chosen: One[] = [];
  const leftOut: string[] = [];
  for (const [index, one] of all.entries()) {
    const view = await store.read('agentByName', one.agentName);
    if (view !== null && hasNoLauncher(view.instance)) leftOut.push(one.agentName);
    else chosen.push(one);
    if ((index + 1) % READ_AT_ONCE === 0) await nextTurn();
  }
  if (chosen.length > 0) return { chosen, leftOut };
  throw noLauncherSelected(leftOut);
}

/** Throws only where nothing was done. */
export async function actOnAll<One extends Named, Done>(
  all: readonly One[],
  act: (one: One) => Promise<Done>,
): Promise<Acted<Done>> {
  const acted: Acted<Done> = { selected: all.length, done: [], refused: [], unfinished: null };
  for (let from = 0; from < all.length; from += SIDE_BY_SIDE) {
    const page = all.slice(from, from + SIDE_BY_SIDE);
    const ends = await Promise.allSettled(page.map(act));
    const trouble = takeEnds(acted, { page, ends });
    if (trouble !== null) {
      if (acted.done.length === 0) throw trouble;
      acted.unfinished = toldOf(trouble);
      break;
    }
    await nextTurn();
  }
  return acted;
}

/** Gives what stops everything, if something does; what else was done side by side with it counts. */
function takeEnds<Done>(
  acted: Acted<Done>,
  of: { readonly page: readonly Named[]; readonly ends: readonly PromiseSettledResult<Done>[] },
): CodedError | null {
  let trouble: CodedError | null = null;
  for (const [index, end] of of.ends.entries()) {
    if (end.status === 'fulfilled') {
      acted.done.push(end.value);
      continue;
    }
    const { reason } = end;
    // A defect is no refusal: it fails the whole request, loudly.
    if (!(reason instanceof CodedError)) throw reason;
    if (!reason.retryable && OF_ONE_AGENT.has(reason.status)) {
      acted.refused.push({ agent: of.page[index]?.agentName ?? '', ...toldOf(reason) });
    } else trouble ??= reason;
  }
  return trouble;
}

function toldOf({ code, message, remedy }: CodedError): Told {
  return { code, message, remedy };
}
