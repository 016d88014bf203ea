/*
 * Settings that operators edit: a closed list. Each has a default, and says what it means and in which form it is written; a group's
 * goes before the fleet's. Most are what a rollout goes on by where whoever made it left that out (R3), and what those go on by
 * that a choice makes (R15).
 */
import { CodedError } from './errors/index.ts';
import { nearestOf } from './nearest.ts';
import {
  DEFAULT_SPEC,
  failuresAllowedText,
  percentText,
  type RolloutSpec,
  readFailuresAllowed,
  readShare,
  readSoakMs,
  readWaves,
  soakText,
  wavesText,
} from './rollout/index.ts';

export interface Policy
  extends Pick<
    RolloutSpec,
    | 'waves'
    | 'soakMs'
    | 'successShareMin'
    | 'needsApproval'
    | 'onError'
    | 'failuresAllowed'
    | 'rollBack'
    | 'goesOnAfterRollBack'
    | 'takesLateJoiners'
    | 'needsSecondPrincipal'
  > {
  /** A choice for many makes a rollout (R15); else each agent has a command, one of a group at a time, which nothing halts. */
  readonly rollsOut: boolean;
  /** A rollout that a choice makes starts by itself; else it waits for a person. */
  readonly startsByItself: boolean;
  /** Unless a version is chosen, the coordinator's own is wanted (H2). */
  readonly followsCoordinator: boolean;
}

export interface Setting {
  readonly key: string;
  readonly field: keyof Policy;
  readonly text: string;
  /** How it is written. */
  readonly form: string;
  /** A group may have its own. */
  readonly isOfGroups: boolean;
  readonly default: string;
}

interface Kind<Value> {
  readonly form: string;
  /** Null: it is not of that form. */
  readonly read: (text: string) => Value | null;
  readonly write: (value: Value) => string;
}

const YES_NO: Kind<boolean> = {
  form: 'yes or no',
  read: (text) => (text === 'yes' ? true : text === 'no' ? false : null),
  write: (value) => (value ? 'yes' : 'no'),
};

function oneOf<Word extends string>(words: readonly Word[]): Kind<Word> {
  return {
    form: words.join(', '),
    read: (text) => words.find((word) => word === text) ?? null,
    write: (word) => word,
  };
}

type Defined = {
  readonly [Field in keyof Policy]: {
    readonly key: string;
    readonly text: string;
    readonly kind: Kind<Policy[Field]>;
    readonly default: Policy[Field];
    readonly isOfFleetAlone?: true;
  };
};

const DEFINED: Defined = {
  waves: {
    key: 'rollout.waves',
    text: 'who goes first: numbers of agents or percent of all, the rest at the end',
    kind: { form: 'sizes such as 1,10%,rest', read: readWaves, write: wavesText },
    default: DEFAULT_SPEC.waves,
  },
  soakMs: {
    key: 'rollout.soak',
    text: 'how long a wave must stay good before the next opens',
    kind: { form: 'a duration such as 0, 90s, 10m or 1h', read: readSoakMs, write: soakText },
    default: DEFAULT_SPEC.soakMs,
  },
  successShareMin: {
    key: 'rollout.success',
    text: 'how many of a wave must have succeeded before the next opens',
    kind: { form: 'a share such as 90%', read: readShare, write: percentText },
    default: DEFAULT_SPEC.successShareMin,
  },
  needsApproval: {
    key: 'rollout.approval',
    text: 'a person opens each wave after the first',
    kind: YES_NO,
    default: DEFAULT_SPEC.needsApproval,
  },
  onError: {
    key: 'rollout.on-error',
    text: 'stop: more failures than allowed halt it, and who is not upgraded yet keeps its version; continue: it never halts by itself, and what fails everywhere stops the service of a whole group',
    kind: oneOf(['stop', 'continue']),
    default: DEFAULT_SPEC.onError,
  },
  failuresAllowed: {
    key: 'rollout.max-failed',
    text: 'how many may fail, in all, before it halts by itself; a share counts once so many are over',
    kind: {
      form: 'a number such as 0, or a share such as 5% or 5%/20 (of 20 at least)',
      read: readFailuresAllowed,
      write: failuresAllowedText,
    },
    default: DEFAULT_SPEC.failuresAllowed,
  },
  rollBack: {
    key: 'rollout.roll-back',
    text: 'what goes back once a rollout has come to an error: those that failed, all that it has upgraded, or none',
    kind: oneOf(['failed', 'all', 'none']),
    default: DEFAULT_SPEC.rollBack,
  },
  goesOnAfterRollBack: {
    key: 'rollout.goes-on-after-roll-back',
    text: 'an agent that is back on a version that works is no failure',
    kind: YES_NO,
    default: DEFAULT_SPEC.goesOnAfterRollBack,
  },
  takesLateJoiners: {
    key: 'rollout.late-joiners',
    text: 'agents that match the selector after the start are taken along',
    kind: YES_NO,
    default: DEFAULT_SPEC.takesLateJoiners,
  },
  needsSecondPrincipal: {
    key: 'rollout.second-principal',
    text: 'another person than its maker approves each rollout before it starts; whoever makes one cannot leave that out',
    kind: YES_NO,
    default: DEFAULT_SPEC.needsSecondPrincipal,
  },
  rollsOut: {
    key: 'choice.rolls-out',
    text: 'a choice for a group or the fleet makes a rollout; no: a command for each agent, one of a group at a time, which nothing halts',
    kind: YES_NO,
    default: true,
  },
  startsByItself: {
    key: 'choice.starts',
    text: 'the rollout that a choice of a version makes starts at once; no: it waits to be started',
    kind: YES_NO,
    default: true,
  },
  followsCoordinator: {
    key: 'choice.follows-coordinator',
    text: 'where no version is chosen, the agent release of the coordinator’s own version is wanted, once it is published',
    kind: YES_NO,
    default: true,
    isOfFleetAlone: true,
  },
};

const FIELDS = Object.keys(DEFINED) as readonly (keyof Policy)[];

export const SETTINGS: readonly Setting[] = FIELDS.map(settingOf);

function settingOf<Field extends keyof Policy>(field: Field): Setting {
  const { key, text, kind, default: value, isOfFleetAlone } = DEFINED[field];
  const isOfGroups = isOfFleetAlone !== true;
  return { key, field, text, form: kind.form, isOfGroups, default: kind.write(value) };
}

/** Throws `setting-unknown`. */
export function settingNamed(key: string): Setting {
  const setting = SETTINGS.find((one) => one.key === key);
  if (setting !== undefined) return setting;
  const near = nearestOf(
    key,
    SETTINGS.map((one) => one.key),
  );
  const hint = near === null ? '' : `, did you mean ${near}?`;
  throw new CodedError('setting-unknown', `there is no setting ${key}${hint}`);
}

/** As it is stored: one text for what means the same. Throws `setting-unknown`, `setting-invalid`. */
export function settingValue(key: string, text: string): string {
  const { field } = settingNamed(key);
  return rewritten(field, text);
}

function rewritten<Field extends keyof Policy>(field: Field, text: string): string {
  return DEFINED[field].kind.write(readValue(field, text));
}

function readValue<Field extends keyof Policy>(field: Field, text: string): Policy[Field] {
  const { key, kind } = DEFINED[field];
  const value = kind.read(text.trim());
  if (value !== null) return value;
  throw new CodedError('setting-invalid', `${key} is ${kind.form}, and not ${text}`);
}

export type SettingFrom = 'group' | 'fleet' | 'default';

export interface SettingInForce {
  readonly setting: Setting;
  readonly value: string;
  readonly from: SettingFrom;
}

/** What was set, by key. */
export type SettingValues = ReadonlyMap<string, string>;

/** The nearest that was set. */
export function settingInForce(
  setting: Setting,
  of: { readonly fleet: SettingValues; readonly group: SettingValues },
): SettingInForce {
  for (const from of ['group', 'fleet'] as const) {
    const value = of[from].get(setting.key);
    if (value !== undefined) return { setting, value, from };
  }
  return { setting, value: setting.default, from: 'default' };
}

/** Throws `setting-invalid` for what another version of the coordinator has stored: what it would allow is not known. */
export function policyOf(of: {
  readonly fleet: SettingValues;
  readonly group: SettingValues;
}): Policy {
  return Object.fromEntries(
    SETTINGS.map((setting) => [
      setting.field,
      readValue(setting.field, settingInForce(setting, of).value),
    ]),
  ) as unknown as Policy;
}

/** What a rollout goes on by where nothing else was said; a second principal is needed wherever a setting says so. */
export function specByPolicy(
  policy: Policy,
  given: Partial<Omit<RolloutSpec, 'component' | 'version'>> &
    Pick<RolloutSpec, 'component' | 'version'>,
  of: { readonly bySelector: boolean },
): RolloutSpec {
  const {
    rollsOut: _rolls,
    startsByItself: _starts,
    followsCoordinator: _follows,
    ...spec
  } = policy;
  const { needsSecondPrincipal } = policy;
  // Agents by name, or those of a choice, are joined by nobody else.
  const takesLateJoiners = policy.takesLateJoiners && of.bySelector;
  const isNeeded = needsSecondPrincipal || given.needsSecondPrincipal === true;
  const needed = { needsSecondPrincipal: isNeeded };
  return { ...DEFAULT_SPEC, ...spec, takesLateJoiners, ...given, ...needed };
}
