import { type Component, isComponent } from '@moult/core/component';
import type { UpgradeOrder } from '@moult/core/upgrade';
import type { CommandMessage, FinishMessage } from '@moult/protocol';
import { plainFinish } from './finish.ts';

/** Null: not an autoUpgrade, or of a component that this version does not know. */
export function orderOf(command: CommandMessage): UpgradeOrder | null {
  const wanted = command.autoUpgrade;
  if (wanted === null || wanted === undefined || !isComponent(wanted.component)) return null;
  const component: Component = wanted.component;
  return {
    commandId: command.commandId,
    attempt: command.attempt,
    component,
    version: wanted.version,
    isForced: wanted.isForced,
    isRevert: wanted.isRevert,
    nonce: wanted.nonce,
  };
}

/** The answer to an upgrade of a component that this version does not know. */
export function refusalOf(command: CommandMessage): FinishMessage {
  const component = command.autoUpgrade?.component ?? '';
  return plainFinish(command, {
    outcome: 'failed',
    component,
    code: 'component-unknown',
    message: `this version of the agent knows no component ${JSON.stringify(component)}`,
    wantedVersion: command.autoUpgrade?.version ?? '',
  });
}
