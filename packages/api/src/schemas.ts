/* What travels over /v1: the shapes that CLI, dashboard, scripts and agents (enrollment only) see. */
import { CHANGE_KINDS } from '@moult/core/changed-files';
import { COMMAND_KINDS, COMMAND_STATES } from '@moult/core/command';
import { COMPONENTS } from '@moult/core/component';
import { labelTrouble } from '@moult/core/labels';
import { NAME, NAME_FORM } from '@moult/core/name';
import { PLATFORMS } from '@moult/core/platform';
import { PACES } from '@moult/core/upgrade';
import { isVersion } from '@moult/core/versions';
import { z } from 'zod';

export const none = z.object({}).strict();
export const component = z.enum(COMPONENTS);
export const platform = z.enum(PLATFORMS);
export const version = z
  .string()
  .max(64)
  .refine(isVersion, { error: 'not a version (SemVer without leading v or build metadata)' });
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
export const name = z.string().regex(NAME, { error: NAME_FORM });
export const id = z.string().regex(/^[0-9a-z]{4,40}$/);
/** Unix time in ms. */
export const timeMs = z.number().int().nonnegative();
/** Which agents are meant, `group=eu and version<2.1`; read by core/selector, which says what is wrong where. */
export const select = z.string();
/** Whom an order is for: either of them, which `hasOneTarget` sees to. */
export const target = { agents: z.array(name).min(1).optional(), select: select.optional() };
export const hasOneTarget = (body: {
  readonly agents?: unknown;
  readonly select?: unknown;
}): boolean => (body.agents === undefined) !== (body.select === undefined);
export const ONE_TARGET = { error: 'give either agents or select' };
/** A failure, as it is told. */
export const told = z.object({ code: z.string(), message: z.string(), remedy: z.string() });
export const why = z.string().max(500).default('');

export const slot = z.object({ version, digest: sha256 });

/** Files of an installed version that are not as its manifest says. */
export const changedFiles = z.object({
  /** The first twenty. */
  files: z.array(
    z.object({
      path: z.string(),
      how: z.enum(CHANGE_KINDS),
      /** Of what lies there now; null: no regular file does. */
      sha256: sha256.nullable(),
      bytes: z.number().int(),
      modifiedMs: timeMs,
    }),
  ),
  count: z.number().int(),
});

export const componentStatus = z.object({
  component,
  current: slot.nullable(),
  previous: slot.nullable(),
  desired: z.object({ version, from: z.string() }).nullable(),
  refused: z.array(slot),
  /** Of what is current, as far as the host has looked. */
  changed: changedFiles,
});

export const upgradeStatus = z.object({
  commandId: id,
  attempt: z.number().int().positive(),
  component,
  to: version,
  step: z.string(),
  /** Why it does not go on for now; empty: it does. */
  detail: z.string(),
  /** The same where it has a name (docs/errors.md), and what to do about it. */
  trouble: told.nullable(),
  bytesDone: z.number().int(),
  bytesTotal: z.number().int(),
  sinceMs: timeMs,
});

/** A task as hosts offer it. */
export const offeredTask = z.object({
  name: z.string(),
  description: z.string(),
  /** Their names. */
  parameters: z.array(z.string()),
  /** When the host starts it by itself; null: it is ordered only. */
  schedule: z.object({ cron: z.string(), timeZone: z.string() }).nullable(),
  agents: z.number().int(),
  /** False: it is not described alike by all of them; this is how most do. */
  isUniform: z.boolean(),
});
export type OfferedTask = z.infer<typeof offeredTask>;

/** By name. */
export const labels = z.record(z.string(), z.string()).superRefine((given, context) => {
  for (const [name, value] of Object.entries(given)) {
    const message = labelTrouble(name, value);
    if (message !== null) context.addIssue({ code: 'custom', message });
  }
});

export const agent = z.object({
  name,
  instanceId: id,
  group: name,
  state: z.enum(['Down', 'Up', 'Paused', 'Upgrading', 'Upgrade Failed']),
  marks: z.array(z.string()),
  platform: z.string(),
  components: z.array(componentStatus),
  upgrade: upgradeStatus.nullable(),
  lastSeenMs: timeMs.nullable(),
  enrolledMs: timeMs,
  validatedBy: z.string().nullable(),
  /** What a selector asks for: those of operators, and what its configuration says where these say nothing. */
  labels: z.record(z.string(), z.string()),
  /** Those of them that its configuration says. */
  hostLabels: z.record(z.string(), z.string()),
  facts: z.record(z.string(), z.string()),
  /** Names of what its host offers; null: it has not said, or knows no tasks. */
  tasks: z.array(z.string()).nullable(),
  /** Why its host goes on with an earlier configuration; null: it does not. */
  configurationTrouble: z.string().nullable(),
  /** What had been changed in versions that were replaced since; it lies on the host until its owner removes it. The newest ten. */
  kept: z.array(
    z.object({
      dir: z.string(),
      component,
      version: z.string(),
      keptMs: timeMs,
      changed: changedFiles,
    }),
  ),
});
export type Agent = z.infer<typeof agent>;

export const taskParameter = z.object({ name, value: z.string() });

export const command = z.object({
  id,
  kind: z.enum(COMMAND_KINDS),
  agent: name,
  instanceId: id,
  component,
  /** Null for all kinds but autoUpgrade. */
  version: version.nullable(),
  /** manual, choice, repair or adopted: who wanted it. */
  origin: z.string(),
  isForced: z.boolean(),
  isRevert: z.boolean(),
  /** Of an autoUpgrade: `soft` drains when no task runs, `fetch-only` makes ready and switches nothing. */
  pace: z.enum(PACES),
  state: z.enum(COMMAND_STATES),
  holdReason: z.string().nullable(),
  attempt: z.number().int(),
  outcome: z.string().nullable(),
  code: z.string().nullable(),
  message: z.string().nullable(),
  createdMs: timeMs,
  createdBy: z.string(),
  why: z.string(),
  notAfterMs: timeMs,
  endedMs: timeMs.nullable(),
  /** Of a task; null for all other kinds. */
  task: z.object({ name: z.string(), parameters: z.array(taskParameter) }).nullable(),
});
export type Command = z.infer<typeof command>;

/** A run of a task, from its order on; or from its start, where a schedule gave it. */
export const run = z.object({
  /** `COMMAND/ATTEMPT`, or `@TASK/MS` of a schedule: unique on its agent. */
  run: z.string(),
  agent: name,
  task: z.string(),
  parameters: z.array(taskParameter),
  /** Null: its schedule started it. */
  commandId: id.nullable(),
  attempt: z.number().int(),
  /** Of the command, where there is one; else `running`, `succeeded` or `failed`. */
  state: z.enum(COMMAND_STATES),
  /** Why it has not started; null: nothing holds it. */
  holdReason: z.string().nullable(),
  isWaitingForHost: z.boolean(),
  createdMs: timeMs,
  createdBy: z.string(),
  why: z.string(),
  /** By the host's clock; null: not yet. */
  startedMs: timeMs.nullable(),
  endedMs: timeMs.nullable(),
  code: z.string().nullable(),
  message: z.string().nullable(),
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  outputBytes: z.number().int(),
  /** Beyond its limit. */
  droppedBytes: z.number().int(),
  /** How often its program was started. */
  starts: z.number().int(),
});
export type Run = z.infer<typeof run>;

const outputPlace = { position: z.number().int(), agent: name, atMs: timeMs, receivedMs: timeMs };

export const outputRow = z.discriminatedUnion('kind', [
  z.object({
    ...outputPlace,
    kind: z.literal('record'),
    /** Both empty: handed in by a program of the host. */
    task: z.string(),
    run: z.string(),
    stream: z.string(),
    /** Base64. */
    content: z.string(),
  }),
  z.object({
    ...outputPlace,
    kind: z.literal('gap'),
    /** Something had to go. */
    gap: z.object({ reason: z.string(), items: z.number().int(), bytes: z.number().int() }),
  }),
]);
export type OutputRow = z.infer<typeof outputRow>;

export const evidence = z.object({
  reason: z.string(),
  detail: z.string(),
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  logLines: z.array(z.string()),
  samples: z.array(z.object({ afterMs: z.number(), reached: z.boolean(), healthy: z.boolean() })),
});

/** One attempt, from its first step to its end. */
export const attempt = z.object({
  commandId: id,
  attempt: z.number().int(),
  agent: name,
  component,
  from: version.nullable(),
  to: version,
  createdBy: z.string(),
  why: z.string(),
  startedMs: timeMs,
  endedMs: timeMs.nullable(),
  outcome: z.string().nullable(),
  code: z.string().nullable(),
  message: z.string().nullable(),
  bytesFetched: z.number().int(),
  bytesTotal: z.number().int(),
  /** Old process permitted to switch → new process attested, by the coordinator's clock; null where there was no switch. */
  gapMs: z.number().nullable(),
  rehearsal: z.string(),
  steps: z.array(z.object({ step: z.string(), startedMs: timeMs })),
  evidence: evidence.nullable(),
});
export type Attempt = z.infer<typeof attempt>;

export const historyEntry = z.object({
  position: z.number().int(),
  atMs: timeMs,
  kind: z.string(),
  agent: z.string().nullable(),
  component: z.string().nullable(),
  commandId: z.string().nullable(),
  attempt: z.number().int().nullable(),
  principal: z.string(),
  why: z.string(),
  detail: z.record(z.string(), z.unknown()),
});
export type HistoryEntry = z.infer<typeof historyEntry>;

export const reason = z.object({
  agent: name,
  component,
  /** Of a task that waits; null: it is about the version of the component. */
  task: z.string().nullable(),
  commandId: id.nullable(),
  reason: z.string(),
  text: z.string(),
  /** What of it concerns this agent: who, since when, until when. */
  detail: z.string().nullable(),
  freedBy: z.string().nullable(),
  isWaitingForHost: z.boolean(),
});
export type Reason = z.infer<typeof reason>;

export const release = z.object({
  component,
  version,
  state: z.enum(['imported', 'published']),
  publishedMs: timeMs.nullable(),
  publishedBy: z.string().nullable(),
  platforms: z.array(
    z.object({ platform, digest: sha256, bytes: z.number().int(), files: z.number().int() }),
  ),
  /** Instances that run it now. */
  agents: z.number().int(),
});
export type Release = z.infer<typeof release>;

/** A version that is chosen for the fleet, a group or an agent. */
export const choice = z.object({
  scope: z.enum(['fleet', 'group', 'agent']),
  /** Group or agent; empty for the fleet. */
  subject: z.string(),
  component,
  version,
  /** Those without a nearer choice. */
  agents: z.number().int(),
  /** Position in history of the change that made it. */
  position: z.number().int(),
  atMs: timeMs,
  by: z.string(),
  why: z.string(),
});
export type Choice = z.infer<typeof choice>;

/** What can be chosen on one platform. */
export const offer = z.object({
  platform: z.string(),
  /** All of this platform; what is missing in the versions runs something that is not on offer, or was never seen. */
  agents: z.number().int(),
  /** Published, newest first. */
  versions: z.array(
    z.object({
      version,
      digest: sha256,
      publishedMs: timeMs.nullable(),
      /** Those that run it now. */
      agents: z.number().int(),
    }),
  ),
});
export type Offer = z.infer<typeof offer>;

/** RFC 9457, with our stable code and the next step. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string(),
  remedy: z.string(),
});
export type Problem = z.infer<typeof problem>;
