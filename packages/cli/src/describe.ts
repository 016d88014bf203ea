/* The parts that commands share: examples in their help, and the flags that mean the same everywhere. */
import { isName, NAME_FORM } from '@moult/core/name';
import type { Pace } from '@moult/core/upgrade';
import { isVersion, type Version } from '@moult/core/versions';
import { type Command, InvalidArgumentError, Option } from 'commander';

export interface Example {
  readonly does: string;
  readonly line: string;
}

export function withExamples(command: Command, examples: readonly Example[]): Command {
  const lines = examples.map(({ does, line }) => `  # ${does}\n  ${line}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n\n')}`);
}

/** Flags of the commands that ask a coordinator. */
export function withConnection(command: Command): Command {
  return command
    .option(
      '--context <name>',
      'a context of `moult login` (MOULT_CONTEXT; the current one unless given)',
    )
    .option('--url <url>', 'address of the coordinator (MOULT_URL)')
    .option('--token <token>', 'access token, or - to read it from standard input (MOULT_TOKEN)')
    .option('--ca <file>', 'certificate authority of the coordinator, PEM (MOULT_CA)');
}

/** Flags of the commands that say something. `csv`: of the one that has rows for other programs. */
export function withOutput(command: Command, others: readonly 'csv'[] = []): Command {
  return command
    .addOption(
      new Option(
        '-o, --output <form>',
        'a table for people, or JSON: exactly the objects of the API',
      )
        .choices(['table', 'json', ...others])
        .default('table'),
    )
    .option('-q, --quiet', 'say nothing but results and errors');
}

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `90s`, `1.5h`, `7d` → ms. */
export function durationMs(text: string): number {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  const ms = Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  if (Number.isSafeInteger(Math.round(ms)) && ms > 0) return Math.round(ms);
  throw new InvalidArgumentError('Give a duration such as 90s, 10m, 1h or 7d.');
}

/** What the coordinator would refuse is refused here, by the name of its option. */
export function nameOf(text: string): string {
  if (isName(text)) return text;
  throw new InvalidArgumentError(`Give a name: ${NAME_FORM}.`);
}

export function versionOf(text: string): Version {
  if (isVersion(text)) return text;
  throw new InvalidArgumentError('Give a version such as 1.4.0, without a leading v.');
}

/** 1 or more. */
export function countOf(text: string): number {
  const count = wholeNumber(text);
  if (count > 0) return count;
  throw new InvalidArgumentError('Give a whole number, 1 or more.');
}

export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number.');
}

/** How an upgrade treats what its host is doing: one of them, or none. */
export interface PaceOptions {
  readonly soft?: boolean;
  readonly fetchOnly?: boolean;
}

export function withPace(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--soft',
        'at the next idle time of each agent: it drains no sooner than when no task runs',
      ).conflicts('fetchOnly'),
    )
    .option(
      '--fetch-only',
      'fetch, verify and rehearse it, and switch nothing: the upgrade that comes then fetches nothing',
    );
}

/** Undefined: nothing was said of it. */
export function paceOf({ soft, fetchOnly }: PaceOptions): Pace | undefined {
  if (soft === true) return 'soft';
  return fetchOnly === true ? 'fetch-only' : undefined;
}

/** `Option.choices` with the type of its list. */
export function choice(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, description).choices(choices);
}

/** `2026-12-01T02:00Z`, with its zone: a time that means another one elsewhere is none. */
export function timeOf(text: string): number {
  const ms = ZONED.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  throw new InvalidArgumentError('Give a time with its zone, such as 2026-12-01T02:00Z.');
}

const ZONED = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;
