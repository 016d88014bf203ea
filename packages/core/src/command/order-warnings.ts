/*
 * What whoever orders an upgrade should know of an agent before: nothing of it holds the order up, so no hold reason would ever say
 * it in time.
 */
import { changesText, type SlotChanges } from '../changed-files.ts';
import type { Component } from '../component.ts';
import { CAPABILITY_FOR } from './kinds.ts';
import { HOLD_REASONS } from './reasons.ts';

export interface OrderWarning {
  readonly code: 'manual-upgrade-required' | 'no-launcher' | 'changed-by-hand';
  readonly message: string;
}

export interface OrderFacts {
  readonly component: Component;
  /** Null: no session of it was ever seen. */
  readonly capabilities: readonly string[] | null;
  readonly hasNoLauncher: boolean;
  /** Of what is installed of the component now. */
  readonly version: string | null;
  readonly changes: SlotChanges;
}

export function orderWarnings(facts: OrderFacts): readonly OrderWarning[] {
  const { component, capabilities, version, changes } = facts;
  if (capabilities?.includes(CAPABILITY_FOR.autoUpgrade) === false) {
    const { text, freedBy } = HOLD_REASONS['manual-upgrade-required'];
    return [
      { code: 'manual-upgrade-required', message: `${text}, and is sent nothing: ${freedBy}` },
    ];
  }
  return [
    ...(facts.hasNoLauncher
      ? [
          {
            code: 'no-launcher',
            message:
              'it runs without a launcher: from the switch on it stays down until somebody starts it on the host',
          } as const,
        ]
      : []),
    ...(changes.count > 0
      ? [
          {
            code: 'changed-by-hand',
            message: `${component} ${version ?? ''} was changed by hand: ${changesText(changes)}; what was changed is kept aside before it is replaced, and not put back`,
          } as const,
        ]
      : []),
  ];
}
