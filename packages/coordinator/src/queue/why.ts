/* Gathers what explains why agents do not run what they should, many at a time; core names the reason (R23). */

import type { Reason } from '@moult/api';
import {
  CAPABILITY_FOR,
  explain,
  HOLD_REASONS,
  type HoldReason,
  type NothingOpen,
  type OpenCommand,
  type Turn,
  type WhyFacts,
} from '@moult/core/command';
import { COMPONENTS, type Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import { failureText } from '@moult/core/rollout';
import type { Selector } from '@moult/core/selector';
import { nextTurn } from '@moult/runtime/clock';
import type {
  AgentView,
  CommandTable,
  DesiredOf,
  FailedMember,
  InstanceRow,
  ReportedUpgrade,
  Slot,
  Store,
} from '@moult/store';
import type { Sessions } from '../gateway/sessions.ts';
import type { Selection } from '../registry/selection.ts';
import { rolloutPlace } from './rollout-place.ts';

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
const SIDE_BY_SIDE = 20;

/** One component of one instance. */
interface Subject {
  readonly view: AgentView;
  readonly component: Component;
  readonly row: AgentView['components'][number] | null;
}

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
    return this.#reasonsOf([view]);
  }

  /** Of whom a selector means, in the order of their names. */
  async page(of: {
    readonly selector: Selector;
    readonly after: string | null;
    readonly limit: number;
  }): Promise<WhyPage> {
    const names: string[] = [];
    let isMore = false;
    for await (const { agentName } of this.#options.selection.walk(of)) {
      isMore = names.length === of.limit;
      if (isMore) break;
      names.push(agentName);
    }
    const reasons: Reason[] = [];
    for (let from = 0; from < names.length; from += SIDE_BY_SIDE) {
      const some = names.slice(from, from + SIDE_BY_SIDE);
      const page = { names: some, group: null, after: null, limit: SIDE_BY_SIDE };
      // Fewer: some were removed a moment ago.
      const views = await this.#options.store.read('agentPage', page);
      reasons.push(...(await this.#reasonsOf(views)));
      await nextTurn();
    }
    return { reasons, agents: names.length, next: isMore ? (names.at(-1) ?? null) : null };
  }

  /** The first reason, for the answer to a check; empty when it runs what it should, and waits for nothing. */
  async reasonOf(agentName: string): Promise<string> {
    const reasons = await this.reasonsOf(agentName);
    return reasons.find(({ reason }) => reason !== 'failed-in-rollout')?.reason ?? '';
  }

  /** Agent by agent, in their order. */
  async #reasonsOf(views: readonly AgentView[]): Promise<readonly Reason[]> {
    const { store } = this.#options;
    const ids = views.map(({ instance }) => instance.id);
    const open = await store.read('openCommandsOfAll', ids);
    const failed = await store.read('failedMembersAmong', ids);
    const byAgent = new Map<string, Reason[]>(ids.map((id) => [id, []]));
    for (const component of COMPONENTS) {
      const subjects = views.map((view) => subjectOf(view, component));
      const desired = await store.read('desiredOfAll', {
        component,
        subjects: subjects.map(({ view, row }) => ({ ...namesOf(view.instance), row })),
      });
      for (const [index, subject] of subjects.entries()) {
        const { id } = subject.view.instance;
        const missing = await store.read('missingRelease', subject.view.instance);
        if (missing?.component === component) {
          const { version } = missing;
          const about = { kind: 'release-missing' } as const;
          byAgent.get(id)?.push(this.#reasonOf(subject, { version, commandId: null, about }));
          continue;
        }
        const mine = open.filter((one) => isOf(one, { id, component }));
        const command = mostTelling(mine);
        const reason =
          command === null
            ? await this.#reasonWithout(subject, desired[index]?.desired ?? null)
            : await this.#reasonOfOpen(subject, command);
        const told = reason ?? this.#reasonOfFailed(subject, failed);
        if (told !== null) byAgent.get(id)?.push(told);
      }
    }
    for (const view of views) {
      const waiting = open.filter((one) => one.instance_id === view.instance.id && isWaiting(one));
      byAgent.get(view.instance.id)?.push(...(await this.#reasonsOfTasks(view, waiting)));
    }
    return [...byAgent.values()].flat();
  }

  /** Each reason once, by the oldest task that waits for it. */
  async #reasonsOfTasks(
    view: AgentView,
    waiting: readonly CommandTable[],
  ): Promise<readonly Reason[]> {
    const subject = subjectOf(view, 'agent');
    const byReason = new Map<string, Reason>();
    for (const command of waiting) {
      const key = command.hold_reason ?? command.host_hold_reason ?? '';
      if (byReason.has(key)) continue;
      byReason.set(key, { ...(await this.#reasonOfOpen(subject, command)), task: command.task });
    }
    return [...byReason.values()];
  }

  async #reasonOfOpen(subject: Subject, command: CommandTable): Promise<Reason> {
    const { instance } = subject.view;
    const reported =
      instance.upgrade === null ? null : (JSON.parse(instance.upgrade) as ReportedUpgrade);
    const isOfThis = reported?.commandId === command.id && reported.attempt === command.attempt;
    const about: OpenCommand = {
      kind: 'open',
      id: command.id,
      isInFlight: isInFlight(command),
      isWayBack: command.is_revert === 1,
      rollout: await this.#rolloutOf(command),
      holdReason: command.hold_reason as HoldReason | null,
      hostHoldReason: command.host_hold_reason as HoldReason | null,
      notBeforeMs: command.not_before_ms,
      said: saidOf(instance, command.hold_reason),
      minimumLauncher:
        command.hold_reason === 'launcher-too-old'
          ? await this.#minimumLauncherOf(command, instance)
          : null,
      progress: isOfThis ? { ...reported, sinceMs: instance.upgrade_since_ms } : null,
      turn: command.hold_reason === 'awaiting-turn' ? await this.#turnOf(subject) : null,
    };
    return this.#reasonOf(subject, { version: command.version, commandId: command.id, about });
  }

  async #rolloutOf({ rollout_id: id }: CommandTable): Promise<string | null> {
    return id === null ? null : (await this.#options.store.read('rolloutView', id)).row.name;
  }

  async #minimumLauncherOf(
    { component, version }: CommandTable,
    { platform }: InstanceRow,
  ): Promise<string | null> {
    const built = await this.#options.store.read('platformOf', { component, version, platform });
    return built?.minimum_launcher ?? null;
  }

  async #turnOf({ view, component }: Subject): Promise<Turn | null> {
    const { store, sessions } = this.#options;
    const holder = await store.read('turnHolder', { group: view.instance.group_name, component });
    if (holder === null) return null;
    return {
      agentName: holder.agent_name,
      commandId: holder.id,
      state: holder.state,
      sinceMs: holder.sent_ms ?? holder.created_ms,
      isDown: sessions.of(holder.instance_id) === null,
      lastSeenMs: holder.last_seen_ms,
    };
  }

  /** Nothing is open; null: it runs what it should. */
  async #reasonWithout(subject: Subject, desired: DesiredOf['desired']): Promise<Reason | null> {
    const { store } = this.#options;
    const { view, component, row } = subject;
    const { instance } = view;
    if (desired === null || (row === null && component === 'launcher')) return null;
    const { version } = desired;
    const isOther = row !== null && desired.from === 'last-finished' && !showsWhatWasGiven(row);
    if (row?.current_version === version && !isOther) return null;
    const { platform } = instance;
    const built = await store.read('platformOf', { component, version, platform });
    const last = await store.read('lastUpgradeTo', {
      instanceId: instance.id,
      component,
      version,
    });
    const refused = JSON.parse(row?.refused ?? '[]') as readonly Slot[];
    const about: NothingOpen = {
      kind: 'nothing-open',
      isQuarantined: instance.quarantined_ms !== null,
      isValidated: instance.validated_ms !== null,
      isCapable: isCapable(instance),
      hasPlatform: built !== null,
      isRefusedHere: refused.some(({ digest }) => digest === built?.digest),
      repair: isOther ? await store.read('repairVerdictOf', { instance, component, row }) : null,
      rollout: await rolloutPlace(store, { instanceId: instance.id, component, version }),
      last,
    };
    return this.#reasonOf(subject, { version, commandId: last?.id ?? null, about });
  }

  /** It runs what it should, for want of what a rollout was to bring; null: it has failed in none. */
  #reasonOfFailed(subject: Subject, failed: readonly FailedMember[]): Reason | null {
    const { view, component, row } = subject;
    const found = failed.find(
      (one) => one.instanceId === view.instance.id && one.component === component,
    );
    if (found === undefined || row?.current_version === found.version) return null;
    const { rollout, version, commandId } = found;
    const about = { kind: 'failed-in-rollout', rollout, failure: failureText(found) } as const;
    return this.#reasonOf(subject, { version, commandId, about });
  }

  #reasonOf(
    { view, component }: Subject,
    of: {
      readonly version: string;
      readonly commandId: string | null;
      readonly about: WhyFacts['about'];
    },
  ): Reason {
    const { instance } = view;
    const { reason, detail, freedBy } = explain({
      agentName: instance.agent_name,
      component,
      platform: instance.platform,
      version: of.version,
      isDown: this.#options.sessions.of(instance.id) === null,
      lastSeenMs: instance.last_seen_ms,
      state: instance.state,
      about: of.about,
    });
    const { text, isWaitingForHost } = HOLD_REASONS[reason];
    return {
      agent: instance.agent_name,
      component,
      task: null,
      commandId: of.commandId,
      reason,
      text,
      detail,
      freedBy,
      isWaitingForHost,
    };
  }
}

function isOf(
  command: CommandTable,
  of: { readonly id: string; readonly component: Component },
): boolean {
  const { instance_id, component, kind } = command;
  return instance_id === of.id && component === of.component && kind !== 'task';
}

/** One that was accepted and waits says for what; one that runs waits for nothing. */
function isWaiting({ kind, state, host_hold_reason }: CommandTable): boolean {
  return kind === 'task' && (state === 'queued' || host_hold_reason !== null);
}

function subjectOf(view: AgentView, component: Component): Subject {
  return {
    view,
    component,
    row: view.components.find((row) => row.component === component) ?? null,
  };
}

function namesOf(instance: InstanceRow) {
  return {
    instanceId: instance.id,
    agentName: instance.agent_name,
    group: instance.group_name,
  };
}

/** What is under way before what waits behind it; upgrades before what waits for them; then the newest order. */
function mostTelling(commands: readonly CommandTable[]): CommandTable | null {
  const upgrades = commands.filter(({ kind }) => kind === 'autoUpgrade');
  const some = upgrades.length > 0 ? upgrades : commands;
  return some.find(isInFlight) ?? some.at(-1) ?? null;
}

function isInFlight(command: CommandTable): boolean {
  return command.state !== 'queued';
}

function showsWhatWasGiven(row: NonNullable<Subject['row']>): boolean {
  return row.given_digest === null || row.given_digest === row.attested_digest;
}

function isCapable({ capabilities, came_up_ms }: InstanceRow): boolean | null {
  const known = JSON.parse(capabilities) as readonly string[];
  if (came_up_ms === null && known.length === 0) return null;
  return known.includes(CAPABILITY_FOR.autoUpgrade);
}

/** The host tells of its owner's word in a fact of the same name. */
function saidOf(instance: InstanceRow, holdReason: string | null): string | null {
  const facts = JSON.parse(instance.facts) as readonly { name: string; value: string }[];
  return facts.find(({ name }) => name === holdReason)?.value ?? null;
}
