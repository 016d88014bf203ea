/* The coordinator's own state. */
import { z } from 'zod';
import { component, id, name, timeMs, version } from './schemas.ts';

/** Upgrades of agents are held (R22). */
export const maintenance = z.object({
  isOn: z.boolean(),
  /** Who ordered it; null: nobody. */
  ordered: z.object({ sinceMs: timeMs, by: z.string(), why: z.string() }).nullable(),
  /** It began with another version than before, and waits so long already for agents that were upgrading. */
  settlingSinceMs: timeMs.nullable(),
  /** The first 100, by name. */
  inFlight: z.array(z.object({ agent: name, component, version: z.string(), commandId: id })),
  inFlightCount: z.number().int(),
});
export type Maintenance = z.infer<typeof maintenance>;

/** How this store came to be, and what that means for the fleet. */
export const restoreStatus = z.object({
  /** Null: it was never restored. */
  restore: z
    .object({
      generation: z.number().int(),
      /** `restored`: by command. `noticed`: an agent showed more than this store had. */
      origin: z.enum(['restored', 'noticed']),
      why: z.string(),
      atMs: timeMs,
      /** Null: everything holds until it is adopted. */
      adoptedMs: timeMs.nullable(),
      adoptedBy: z.string().nullable(),
    })
    .nullable(),
  agents: z.number().int(),
  /** Of them: had a session since the restore. */
  seen: z.number().int(),
  /** Have seen orders that this store has lost; the first 1,000. What they run stands. */
  ahead: z.array(
    z.object({
      name,
      version: version.nullable(),
      /** False: on trial with a version whose order was lost. */
      isSettled: z.boolean(),
      /** The release that its trial waits for: publish it again. */
      missing: z.object({ component, version: z.string() }).nullable(),
    }),
  ),
  /** Finishes of unknown orders, kept since the restore. */
  orphans: z.number().int(),
  /** Where output is handed on; a coordinator of an earlier version does not say. */
  forwards: z
    .array(
      z.object({
        target: z.string(),
        /** The last position of output that it has, and the last one that there is. */
        position: z.number().int(),
        newest: z.number().int(),
        /** Null: the last try went well. */
        failingSinceMs: timeMs.nullable(),
        trouble: z.string().nullable(),
      }),
    )
    .optional(),
  /** Whether upgrades are held for an upgrade of the coordinator; one of an earlier version does not say. */
  maintenance: maintenance.optional(),
});
export type RestoreStatus = z.infer<typeof restoreStatus>;
