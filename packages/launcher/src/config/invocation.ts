/** How this program was started: the one place that looks. */
export function readInvocation(): {
  readonly argv: readonly string[];
  readonly scriptPath: string;
} {
  const [, scriptPath = '', ...argv] = process.argv;
  return { argv, scriptPath };
}
