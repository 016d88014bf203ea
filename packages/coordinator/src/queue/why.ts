/* Why an agent does not run what it should: one reason a component, each with the command that frees it (R23). */

import type { Reason } from '@moult/api';
import { HOLD_REASONS, type HoldReason, isEnded } from '@moult/core/command';
import { COMPONENTS, type Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import type { Selector } from '@moult/core/selector';
import { nextTurn } from '@moult/runtime/clock';
import type { AgentView, CommandTable, Slot, Store } from '@moult/store';
import type { Sessions } from '../gateway/sessions.ts';
import type { Selection } from '../registry/selection.ts';

export interface WhyOptions {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly selection: Selection;
}

export interface WhyPage {
  readonly reasons: Reason[];
  /** Agents that were looked at. */
  readonly agents: number;
  /** The last of them, where there are more. */
  readonly next: string | null;
}

/** Looked at in one turn of the loop: a few milliseconds. */
const SIDE_BY_SIDE = 5;

export class Why {
  readonly #options: WhyOptions;

  constructor(options: WhyOptions) {
    this.#options = options;
  }

  /** Throws `not-found`. */
  async reasonsOf(agentName: string): Promise<readonly Reason[]> {
    const { store } = this.#options;
    const view = await store.read('agentByName', agentName);
    if (view === null) throw new CodedError('not-found', `there is no agent ${agentName}`);
    return this.#reasonsOf(view);
  }

  /** Of whom a selector means, in the order of their names. */
  async page(of: {
    readonly selector: Selector;
    readonly after: string | null;
    readonly limit: number;
  }): Promise<WhyPage> {
    const { store, selection } = this.#options;
    const reasons: Reason[] = [];
    let agents = 0;
    let last: string | null = null;
    for await (const { agentName } of selection.walk(of)) {
      if (agents === of.limit) return { reasons, agents, next: last };
      // Null: it was removed a moment ago.
      const view = await store.read('agentByName', agentName);
      if (view !== null) reasons.push(...(await this.#reasonsOf(view)));
      agents += 1;
      last = agentName;
      if (agents % SIDE_BY_SIDE === 0) await nextTurn();
    }
    return { reasons, agents, next: null };
  }

  /** The first reason, for the answer to a check; empty when it runs what it should. */
  async reasonOf(agentName: string): Promise<string> {
    return (await this.reasonsOf(agentName))[0]?.reason ?? '';
  }

  async #reasonsOf(view: AgentView): Promise<readonly Reason[]> {
    const { store } = this.#options;
    const agentName = view.instance.agent_name;
    const commands = await store.read('commandsOfInstance', view.instance.id);
    const reasons: Reason[] = [];
    for (const component of COMPONENTS) {
      const found = await this.#reasonOf(view, { component, commands });
      if (found === null) continue;
      const { reason, commandId, version } = found;
      const { text, isWaitingForHost, freedBy: template } = HOLD_REASONS[reason];
      const names = { AGENT: agentName, VERSION: version, PLATFORM: view.instance.platform };
      const freedBy = template === null ? null : filledIn(template, names);
      reasons.push({
        agent: agentName,
        component,
        commandId,
        reason,
        text,
        freedBy,
        isWaitingForHost,
      });
    }
    return reasons;
  }

  async #reasonOf(
    view: AgentView,
    of: { readonly component: Component; readonly commands: readonly CommandTable[] },
  ): Promise<Found | null> {
    const { instance } = view;
    const { component } = of;
    const missing = await this.#options.store.read('missingRelease', instance);
    if (missing?.component === component) {
      return { reason: 'release-missing', commandId: null, version: missing.version };
    }
    const mine = of.commands.filter((command) => command.component === component);
    const open = mine.find((command) => !isEnded(command.state));
    if (open !== undefined) {
      const reason = open.hold_reason ?? open.host_hold_reason ?? 'upgrading';
      return { reason: reason as HoldReason, commandId: open.id, version: open.version };
    }
    const row = view.components.find((one) => one.component === component) ?? null;
    const { desired } = await this.#options.store.read('desiredOf', {
      instanceId: instance.id,
      agentName: instance.agent_name,
      group: instance.group_name,
      component,
      row,
    });
    if (desired === null || row?.current_version === desired.version) return null;
    if (row === null && component === 'launcher') return null;
    const { platform } = instance;
    const built = await this.#options.store.read('platformOf', {
      component,
      version: desired.version,
      platform,
    });
    const last = mine.find((command) => command.version === desired.version) ?? null;
    const facts = { isConnected: this.#options.sessions.of(instance.id) !== null, view, row };
    return {
      reason: withoutCommand({ ...facts, last, digest: built?.digest ?? null }),
      commandId: last?.id ?? null,
      version: desired.version,
    };
  }
}

interface Found {
  readonly reason: HoldReason;
  readonly commandId: string | null;
  /** What it should run. */
  readonly version: string;
}

/** The freeing command as it can be typed: each placeholder in capitals by its name. */
function filledIn(template: string, names: Readonly<Record<string, string>>): string {
  return template.replace(/\b[A-Z]{2,}\b/g, (word) => names[word] ?? word);
}

/** Nothing is under way: the most basic thing that explains it. */
function withoutCommand(facts: {
  readonly view: AgentView;
  readonly row: { readonly refused: string } | null;
  readonly last: CommandTable | null;
  readonly digest: string | null;
  readonly isConnected: boolean;
}): HoldReason {
  const { instance } = facts.view;
  if (instance.quarantined_ms !== null) return 'quarantined';
  if (instance.validated_ms === null) return 'unvalidated';
  if (facts.digest === null) return 'no-platform';
  const refused = JSON.parse(facts.row?.refused ?? '[]') as readonly Slot[];
  if (refused.some((slot) => slot.digest === facts.digest)) return 'refused-here';
  if (facts.last?.state === 'failed') return 'retry-backoff';
  return facts.isConnected ? 'retry-backoff' : 'agent-down';
}
