export interface Invocation {
  readonly argv: readonly string[];
  /** The script that runs: in a slot `<slot>/lib/agent.cjs`. */
  readonly scriptPath: string;
}

export function readInvocation(): Invocation {
  const [, scriptPath = '', ...argv] = process.argv;
  return { argv, scriptPath };
}
