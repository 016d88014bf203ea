/* Rows of the store in the shapes of the API. */
import type {
  Agent,
  Attempt,
  Command,
  HistoryEntry,
  OutputRow,
  Principal,
  Release,
  Run,
  Token,
} from '@moult/api';
import type { SlotChanges } from '@moult/core/changed-files';
import { HOLD_REASONS, isHoldReason } from '@moult/core/command';
import { COMPONENTS, type Component } from '@moult/core/component';
import { toldIn } from '@moult/core/errors';
import { labelsOf } from '@moult/core/labels';
import { isPlatform } from '@moult/core/platform';
import {
  type AgentView,
  type AttemptView,
  type CommandTable,
  changesIn,
  type DesiredOf,
  type HistoryRow,
  keptIn,
  type OutputFound,
  offersOf,
  type PrincipalView,
  type ReleaseView,
  type RunView,
  runPlaceOf,
  type Slot,
  type Store,
  type TokenTable,
} from '@moult/store';
import type { Sessions } from '../gateway/sessions.ts';
import { marksOf } from '../registry/marks.ts';

export interface AgentViews {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly nowMs: number;
}

export async function agentOf(with_: AgentViews, view: AgentView): Promise<Agent> {
  const [agent] = await agentsOf(with_, [view]);
  if (agent === undefined) throw new Error('one view made no agent');
  return agent;
}

/** A page of them, in its order; what is read beside the views is read once for all. */
export async function agentsOf(with_: AgentViews, views: readonly AgentView[]): Promise<Agent[]> {
  const { store } = with_;
  const parts = await Promise.all(COMPONENTS.map((component) => partsOf(store, views, component)));
  const upgradeIds = views.flatMap(({ instance }) => reportedUpgradeOf(instance)?.commandId ?? []);
  const commands = await store.read('commandsByIds', upgradeIds);
  const byId = new Map(commands.map((command) => [command.id, command]));
  return views.map((view, index) => ({
    ...plainOf(with_, view),
    components: parts.flatMap((ofComponent) => ofComponent[index] ?? []),
    upgrade: upgradeOf(view, byId),
  }));
}

function plainOf(with_: AgentViews, view: AgentView): Omit<Agent, 'components' | 'upgrade'> {
  const { instance } = view;
  const session = with_.sessions.of(instance.id);
  const isConnected = session !== null;
  const hostLabels = JSON.parse(instance.host_labels) as Record<string, string>;
  const facts = JSON.parse(instance.facts) as readonly { name: string; value: string }[];
  return {
    name: instance.agent_name,
    instanceId: instance.id,
    group: instance.group_name,
    state: isConnected ? instance.state : 'Down',
    marks: marksOf(instance, session),
    platform: instance.platform,
    lastSeenMs: isConnected ? with_.nowMs : seenMsOf(instance, with_.sessions),
    enrolledMs: instance.enrolled_ms,
    validatedBy: instance.validated_by,
    labels: { ...labelsOf({ host: hostLabels, given: JSON.parse(instance.agent_labels) }) },
    hostLabels,
    facts: Object.fromEntries(facts.map(({ name, value }) => [name, value])),
    tasks: offersOf(instance)?.map(({ name }) => name) ?? null,
    configurationTrouble:
      instance.configuration_trouble === '' ? null : instance.configuration_trouble,
    kept: keptIn(instance).map(({ changes, ...keeping }) => ({
      ...keeping,
      changed: changedOf(changes),
    })),
  };
}

/** Null: never. The store hears of the end of a session a little later. */
function seenMsOf(
  { id, last_seen_ms: storedMs }: AgentView['instance'],
  sessions: AgentViews['sessions'],
): number | null {
  const leftMs = sessions.leftMs(id);
  return leftMs === null ? storedMs : Math.max(leftMs, storedMs ?? 0);
}

type Part = Agent['components'][number];

/** One component of each, in their order; null where there is no such component, and none is wanted. */
async function partsOf(
  store: Store,
  views: readonly AgentView[],
  component: Component,
): Promise<readonly (Part | null)[]> {
  const subjects = views.map(({ instance, components }) => ({
    instanceId: instance.id,
    agentName: instance.agent_name,
    group: instance.group_name,
    row: components.find((one) => one.component === component) ?? null,
  }));
  const desired = await store.read('desiredOfAll', { component, subjects });
  return subjects.map(({ row }, index) =>
    partOf({ component, row, desired: desired[index]?.desired ?? null }),
  );
}

function partOf(of: {
  readonly component: Component;
  readonly row: AgentView['components'][number] | null;
  readonly desired: DesiredOf['desired'];
}): Part | null {
  const { component, row, desired } = of;
  if (row === null && desired === null) return null;
  return {
    component,
    current: slotOf(row?.current_version ?? null, row?.current_digest ?? null),
    previous: slotOf(row?.previous_version ?? null, row?.previous_digest ?? null),
    desired: desired === null ? null : { version: desired.version, from: desired.from },
    refused: (JSON.parse(row?.refused ?? '[]') as Slot[]).filter((slot) => slot.digest !== ''),
    changed: changedOf(changesIn(row)),
  };
}

function changedOf({ files, count }: SlotChanges): Part['changed'] {
  return { files: [...files], count };
}

function slotOf(version: string | null, digest: string | null): Slot | null {
  return version === null || digest === null || digest === '' ? null : { version, digest };
}

type ReportedUpgrade = Omit<NonNullable<Agent['upgrade']>, 'to' | 'sinceMs' | 'trouble'>;

function reportedUpgradeOf({ upgrade }: AgentView['instance']): ReportedUpgrade | null {
  return upgrade === null ? null : (JSON.parse(upgrade) as ReportedUpgrade);
}

/** Null also for a command that is none of this instance's: an agent speaks for itself alone. */
function upgradeOf(
  { instance }: AgentView,
  commands: ReadonlyMap<string, CommandTable>,
): Agent['upgrade'] {
  const report = reportedUpgradeOf(instance);
  const command = commands.get(report?.commandId ?? '');
  if (report === null || command?.instance_id !== instance.id) return null;
  const trouble = toldIn(report.detail);
  return { ...report, trouble, to: command.version, sinceMs: instance.upgrade_since_ms ?? 0 };
}

export function commandViewOf(row: CommandTable): Command {
  return {
    id: row.id,
    kind: row.kind,
    agent: row.agent_name,
    instanceId: row.instance_id,
    component: row.component,
    version: row.kind === 'autoUpgrade' ? row.version : null,
    origin: row.origin,
    isForced: row.is_forced === 1,
    isRevert: row.is_revert === 1,
    pace: row.pace,
    state: row.state,
    holdReason: row.hold_reason ?? row.host_hold_reason,
    attempt: row.attempt,
    outcome: row.outcome,
    code: row.code,
    message: row.message,
    createdMs: row.created_ms,
    createdBy: row.created_by,
    why: row.why,
    notAfterMs: row.not_after_ms,
    endedMs: row.ended_ms,
    task: row.task === null ? null : { name: row.task, parameters: parametersOf(row) },
  };
}

function parametersOf({ parameters }: CommandTable): Run['parameters'] {
  return JSON.parse(parameters ?? '[]') as Run['parameters'];
}

/** What the coordinator knows of it, and beside that what its host told. */
export function runViewOf(view: RunView): Run {
  const { command, told } = view;
  const { run, createdMs } = runPlaceOf(view);
  const reason = command?.hold_reason ?? command?.host_hold_reason ?? null;
  return {
    run,
    agent: command?.agent_name ?? told?.agent_name ?? '',
    task: command?.task ?? told?.task ?? '',
    parameters: command === null ? [] : parametersOf(command),
    commandId: command?.id ?? null,
    attempt: command?.attempt ?? told?.attempt ?? 1,
    state: command?.state ?? told?.outcome ?? 'running',
    holdReason: reason,
    isWaitingForHost: isHoldReason(reason) && HOLD_REASONS[reason].isWaitingForHost,
    createdMs,
    createdBy: command?.created_by ?? 'schedule',
    why: command?.why ?? '',
    startedMs: told?.started_ms ?? null,
    endedMs: told?.ended_ms ?? command?.ended_ms ?? null,
    code: command?.code ?? told?.code ?? null,
    message: command?.message ?? told?.message ?? null,
    exitCode: told?.exit_code ?? null,
    signal: told?.signal ?? null,
    outputBytes: told?.output_bytes ?? 0,
    droppedBytes: told?.dropped_bytes ?? 0,
    starts: told?.starts ?? 0,
  };
}

export function outputRowOf(row: OutputFound['rows'][number], agent: string): OutputRow {
  const place = {
    position: row.position,
    agent,
    atMs: row.at_ms,
    receivedMs: row.received_ms,
  };
  const content = Buffer.from(row.content);
  if (row.kind === 'gap') {
    const { reason, items, bytes } = JSON.parse(content.toString()) as GapRow['gap'];
    return { ...place, kind: 'gap', gap: { reason, items, bytes } };
  }
  const { task, run, stream } = row;
  return { ...place, kind: 'record', task, run, stream, content: content.toString('base64') };
}

type GapRow = Extract<OutputRow, { kind: 'gap' }>;

export function attemptViewOf(row: AttemptView): Attempt {
  return {
    commandId: row.command_id,
    attempt: row.attempt,
    agent: row.agent_name,
    component: row.component,
    from: row.from_version,
    to: row.to_version,
    createdBy: row.created_by,
    why: row.why,
    startedMs: row.started_ms,
    endedMs: row.ended_ms,
    outcome: row.outcome,
    code: row.code,
    message: row.message,
    bytesFetched: row.bytes_fetched,
    bytesTotal: row.bytes_total,
    gapMs: gapMsOf(row),
    rehearsal: row.rehearsal,
    steps: JSON.parse(row.steps) as Attempt['steps'],
    evidence: row.evidence === null ? null : (JSON.parse(row.evidence) as Attempt['evidence']),
  };
}

/** For how long the host was without an agent; null: it was not, or not yet. */
export function gapMsOf(
  row: Pick<AttemptView, 'attested_ms' | 'switched_ms' | 'drained_ms'>,
): number | null {
  const { attested_ms: attested } = row;
  // Draining may wait for a task of hours, and is no gap: the host works. Schema 1 knew no more than its beginning.
  const left = row.switched_ms ?? row.drained_ms;
  return left !== null && attested !== null && attested >= left ? attested - left : null;
}

export function historyEntryOf(row: HistoryRow): HistoryEntry {
  return {
    position: row.position,
    atMs: row.at_ms,
    kind: row.kind,
    agent: row.agent_name,
    component: row.component,
    commandId: row.command_id,
    attempt: row.attempt,
    principal: row.principal,
    why: row.why,
    detail: JSON.parse(row.detail) as HistoryEntry['detail'],
  };
}

export function principalOf(view: PrincipalView): Principal {
  return {
    name: view.name,
    role: view.role,
    tokens: view.tokens,
    createdMs: view.created_ms,
    createdBy: view.created_by,
    why: view.why,
    revokedMs: view.revoked_ms,
    revokedBy: view.revoked_by,
  };
}

export function tokenOf(row: TokenTable): Token {
  return {
    id: row.id,
    kind: row.kind,
    principal: row.kind === 'access' ? row.principal : null,
    role: row.role,
    group: row.group_name,
    validates: row.validates === 1,
    usesLeft: row.uses_left,
    expiresMs: row.expires_ms,
    createdMs: row.created_ms,
    createdBy: row.created_by,
    revokedMs: row.revoked_ms,
  };
}

export function releaseViewOf(view: ReleaseView): Release {
  const { release } = view;
  return {
    component: release.component,
    version: release.version,
    state: release.state,
    publishedMs: release.published_ms,
    publishedBy: release.published_by,
    platforms: view.platforms.flatMap(({ platform, digest, bytes, files }) =>
      isPlatform(platform) ? [{ platform, digest, bytes, files }] : [],
    ),
    agents: view.agents,
  };
}
