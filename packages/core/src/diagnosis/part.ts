/* What the file of `moult diagnose` is made of, and what is said about it. */

export interface DiagnosisPart {
  /** Its file: `boot.json`. */
  readonly name: string;
  /** What it is, in a few words. */
  readonly what: string;
  readonly text: string;
  /** Why it, or something in it, is missing; null: nothing is. */
  readonly trouble: string | null;
}

/** DG5: a file that goes into a bug report by mail. */
export const DIAGNOSIS_LIMITS = {
  /** Of one part; what is beyond is cut off at its end. */
  partBytesMax: 1_048_576,
  /** A disk that does not answer holds up one part, not all. */
  partMsMax: 15_000,
  logLinesMax: 500,
  logBytesMax: 262_144,
  /** Listed with their owners and modes. */
  filesMax: 2_000,
  /** Rows of a table. */
  rowsMax: 200,
} as const;

/** Text that may be cut, at the end of a line. */
export function withinLimit(text: string): string {
  const { partBytesMax } = DIAGNOSIS_LIMITS;
  if (text.length <= partBytesMax) return text;
  const kept = text.slice(0, text.lastIndexOf('\n', partBytesMax) + 1);
  return `${kept}[cut off here: ${text.length - kept.length} characters more]\n`;
}

export interface DiagnosisAbout {
  /** `agent web-1`. */
  readonly subject: string;
  readonly version: string;
  readonly madeMs: number;
  readonly parts: readonly DiagnosisPart[];
}

/** The first thing that somebody reads who opens the file. */
export function readmeOf(about: DiagnosisAbout): string {
  const { subject, version, madeMs, parts } = about;
  const troubles = parts.filter(({ trouble }) => trouble !== null);
  const lines = [
    `Diagnosis of the ${subject}, made by moult ${version} at ${new Date(madeMs).toISOString()}.`,
    '',
    ...parts.map(({ name, what }) => `  ${name.padEnd(20)} ${what}`),
    '',
    'Left out, where they are known or can be told by their form: private keys, tokens, passwords, user names and paths',
    'of addresses, proofs of sessions, arguments, environments and parameters of tasks, output. In their place stands',
    '"[left out: …]". Names of hosts, users, directories, agents and tasks are in it, and what programs wrote to the log.',
    'Look through it before you send it.',
    ...(troubles.length === 0
      ? []
      : [
          '',
          'What could not be had:',
          ...troubles.map(({ name, trouble }) => `  ${name}: ${trouble}`),
        ]),
  ];
  return `${lines.join('\n')}\n`;
}
