import { type Component, isComponent } from '@moult/core/component';
import { isPace, type UpgradeOrder } from '@moult/core/upgrade';
import type { CommandMessage, FinishMessage } from '@moult/protocol';
import { plainFinish } from './finish.ts';

/** Null: not an autoUpgrade, or of a component or pace that this version does not know. */
export function orderOf(command: CommandMessage): UpgradeOrder | null {
  const wanted = command.autoUpgrade;
  if (wanted === null || wanted === undefined || !isComponent(wanted.component)) return null;
  const component: Component = wanted.component;
  const pace = wanted.pace || 'now';
  if (!isPace(pace)) return null;
  return {
    commandId: command.commandId,
    attempt: command.attempt,
    component,
    version: wanted.version,
    isForced: wanted.isForced,
    isRevert: wanted.isRevert,
    nonce: wanted.nonce,
    pace,
  };
}

/** The answer to an upgrade of a component, or at a pace, that this version does not know. */
export function refusalOf(command: CommandMessage): FinishMessage {
  const { component = '', pace = '' } = command.autoUpgrade ?? {};
  if (isComponent(component)) {
    return plainFinish(command, {
      outcome: 'failed',
      component,
      code: 'pace-unknown',
      message: `this version of the agent knows no upgrade at the pace ${JSON.stringify(pace)}`,
      wantedVersion: command.autoUpgrade?.version ?? '',
    });
  }
  return plainFinish(command, {
    outcome: 'failed',
    component,
    code: 'component-unknown',
    message: `this version of the agent knows no component ${JSON.stringify(component)}`,
    wantedVersion: command.autoUpgrade?.version ?? '',
  });
}
