/** Something was not as it should be: the demo says what, and ends with 1. */
export class DemoError extends Error {
  override readonly name: string = 'DemoError';
  /** Lines that help to see why: the end of a log, what a command said. */
  readonly details: readonly string[];

  constructor(message: string, details: readonly string[] = []) {
    super(message);
    this.details = details;
  }
}
