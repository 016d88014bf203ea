/*
 * I1, I2: an installation as data: a plan is made from facts, printed as it is by --dry-run, and carried out step by step by a shell
 * that decides nothing. A step that is so already is in the plan too, so that a repetition can say what it left alone.
 */

export type InstallStep =
  | { readonly kind: 'make-group'; readonly name: string }
  | { readonly kind: 'make-user'; readonly name: string; readonly homeDir: string }
  | {
      readonly kind: 'make-directory';
      readonly path: string;
      readonly owner: string;
      readonly mode: number;
    }
  /** Owner and mode of the directory itself; what is in it stays. */
  | {
      readonly kind: 'set-access';
      readonly path: string;
      readonly owner: string;
      readonly mode: number;
    }
  /** The directory and all that is in it. */
  | { readonly kind: 'hand-over'; readonly path: string; readonly owner: string }
  | {
      readonly kind: 'write-file';
      readonly what: string;
      readonly path: string;
      readonly owner: string;
      readonly mode: number;
      readonly text: string;
    }
  | { readonly kind: 'enroll'; readonly name: string; readonly coordinator: string }
  | { readonly kind: 'install-versions'; readonly prefixDir: string }
  | { readonly kind: 'init-coordinator'; readonly stateDir: string; readonly configPath: string }
  /** The configuration stays but for what enrollment gave: name and instance. */
  | { readonly kind: 'forget-instance'; readonly path: string }
  /** A file, or a tree. */
  | { readonly kind: 'remove'; readonly what: string; readonly path: string }
  /** Only if nothing is left in it. */
  | { readonly kind: 'remove-empty'; readonly path: string }
  | { readonly kind: 'systemctl'; readonly verb: SystemctlVerb; readonly unit: string | null };

export type SystemctlVerb =
  | 'daemon-reload'
  | 'enable'
  | 'disable'
  | 'start'
  | 'stop'
  | 'reset-failed';

export interface PlannedStep {
  readonly step: InstallStep;
  /** It is so already: nothing is done. */
  readonly isDone: boolean;
}

export type InstallPlan = readonly PlannedStep[];

/** What a step is about, as a person would say it: after "done:", "is so:" and "would do:" alike. */
export function describeStep(step: InstallStep): string {
  switch (step.kind) {
    case 'make-group':
      return `system group ${step.name}`;
    case 'make-user':
      return `system user ${step.name}, without a shell`;
    case 'make-directory':
    case 'set-access':
      return `directory ${step.path}, ${octal(step.mode)}, ${step.owner}'s`;
    case 'hand-over':
      return `all that is in ${step.path} is ${step.owner}'s`;
    case 'write-file':
      return `${step.what} ${step.path}, ${octal(step.mode)}, ${step.owner}'s`;
    case 'enroll':
      return `enrollment as ${step.name} with ${step.coordinator}`;
    case 'install-versions':
      return `first launcher, launcher and agent in ${step.prefixDir}`;
    case 'init-coordinator':
      return `store, certificates, release repository in ${step.stateDir}, configuration ${step.configPath}`;
    case 'forget-instance':
      return `name and instance out of ${step.path}`;
    case 'remove':
      return `remove ${step.what} ${step.path}`;
    case 'remove-empty':
      return `remove ${step.path} if it is empty`;
    case 'systemctl':
      return step.unit === null ? `systemctl ${step.verb}` : `systemctl ${step.verb} ${step.unit}`;
  }
}

export function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
