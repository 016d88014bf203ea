/** One thing to put right: where, which rule, and what to do about it. */
export interface Finding {
  /** Relative to the checkout, with forward slashes. */
  readonly file: string;
  /** From 1; 1 also for a finding about the file as a whole. */
  readonly line: number;
  readonly rule: string;
  readonly whatToDo: string;
}

export function formatFinding(finding: Finding): string {
  return `${finding.file}:${finding.line} ${finding.rule}: ${finding.whatToDo}`;
}

/** By file, then line, so that two runs print the same. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort(
    (a, b) =>
      (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line) || (a.rule < b.rule ? -1 : 1),
  );
}
