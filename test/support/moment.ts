const MOMENT_MS = 5;

/** Between two looks at what another process brings about: who looks without a pause takes the processor from it. */
export function moment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, MOMENT_MS));
}
