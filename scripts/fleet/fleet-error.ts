/** Something was not as it should be, with lines that help to see why: the end of a log, what a command said. */
export class FleetError extends Error {
  override readonly name: string = 'FleetError';

  constructor(message: string, detail = '', cause?: unknown) {
    const text = detail.trimEnd();
    super(text === '' ? message : `${message}\n${text}`, { cause });
  }
}
