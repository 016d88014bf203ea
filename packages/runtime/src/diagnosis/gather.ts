/* The parts of a diagnosis, one after the other; each may fail, or hang, without harm to the others (DG4). */
import {
  Concealer,
  DIAGNOSIS_LIMITS,
  type DiagnosisPart,
  type Secret,
  shownText,
  shownValue,
  withinLimit,
} from '@moult/core/diagnosis';
import type { Clock } from '../clock.ts';

export interface PartSource {
  readonly name: string;
  readonly what: string;
  /** A text, or plain data that becomes JSON; `trouble` in it is why something in it is missing. */
  readonly read: (stop: AbortSignal) => unknown;
}

export interface GatherOptions {
  readonly sources: readonly PartSource[];
  /** What is kept on this machine and must not be in the file. */
  readonly secrets: readonly Secret[];
  readonly clock: Clock;
  readonly stop: AbortSignal;
}

/** Rejects when it is told to stop, and for nothing else. */
export async function gatherParts(options: GatherOptions): Promise<readonly DiagnosisPart[]> {
  const { sources, clock, stop } = options;
  const concealer = new Concealer(options.secrets);
  const parts: DiagnosisPart[] = [];
  for (const source of sources) {
    const { text, trouble } = await readPart(source, { clock, stop });
    parts.push({
      name: source.name,
      what: source.what,
      text: withinLimit(concealer.conceal(text)),
      trouble: trouble === null ? null : concealer.conceal(shownText(trouble)),
    });
  }
  return parts;
}

async function readPart(
  source: PartSource,
  { clock, stop }: Pick<GatherOptions, 'clock' | 'stop'>,
): Promise<Pick<DiagnosisPart, 'text' | 'trouble'>> {
  const over = new AbortController();
  const signal = AbortSignal.any([stop, over.signal]);
  try {
    const value = await Promise.race([
      Promise.resolve().then(() => source.read(signal)),
      clock.sleep(DIAGNOSIS_LIMITS.partMsMax, signal).then(() => {
        throw new Error(`it took more than ${DIAGNOSIS_LIMITS.partMsMax / 1_000} s`);
      }),
    ]);
    if (typeof value === 'string') return { text: shownText(value), trouble: null };
    return { text: `${JSON.stringify(shownValue(value), null, 2)}\n`, trouble: troubleIn(value) };
  } catch (caught) {
    stop.throwIfAborted();
    const trouble = messageOf(caught);
    return { text: shownText(`could not be had: ${trouble}\n`), trouble };
  } finally {
    over.abort(new Error('over'));
  }
}

/** Deeper than a part says of one thing. */
const TROUBLE_DEPTH_MAX = 3;
/** Who has more mends these first. */
const TROUBLES_MAX = 3;

/** The part's own, or what it says of the things in it. */
function troubleIn(value: unknown): string | null {
  const troubles = troublesIn(value, 0);
  if (troubles.length === 0) return null;
  const more = troubles.length > TROUBLES_MAX ? `; and ${troubles.length - TROUBLES_MAX} more` : '';
  return `${troubles.slice(0, TROUBLES_MAX).join('; ')}${more}`;
}

function troublesIn(value: unknown, depth: number): readonly string[] {
  if (typeof value !== 'object' || value === null || depth > TROUBLE_DEPTH_MAX) return [];
  if ('trouble' in value && typeof value.trouble === 'string') return [value.trouble];
  return Object.values(value).flatMap((field) => troublesIn(field, depth + 1));
}

/** A fact, or why it could not be had, in its place. */
export async function attempted<T>(
  work: () => T | Promise<T>,
): Promise<T | { readonly trouble: string }> {
  try {
    return await work();
  } catch (caught) {
    return { trouble: messageOf(caught) };
  }
}

export function messageOf(caught: unknown): string {
  return caught instanceof Error ? caught.message : String(caught);
}
