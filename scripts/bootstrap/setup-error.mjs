/** A failure of the set-up that somebody can do something about: what happened, and the next step. */
export class SetupError extends Error {
  constructor(message, nextStep) {
    super(message);
    this.name = 'SetupError';
    this.nextStep = nextStep;
  }
}
