/* Principals and tokens, as they travel over /v1. */
import { ROLES } from '@moult/core/permission';
import { z } from 'zod';
import { id, name, timeMs } from './schemas.ts';

/** A hundred years: beyond what dates can say a token could be made, and the list of tokens never be read again. */
const ACCESS_TTL_MS_MAX = 3_155_760_000_000;
/** Null: for ever. */
export const accessTtlMs = z
  .number()
  .int()
  .min(1_000)
  .max(ACCESS_TTL_MS_MAX)
  .nullable()
  .default(null);

export const token = z.object({
  id,
  kind: z.enum(['enrollment', 'access']),
  /** Whose access token it is; of an enrollment token null. A coordinator of an earlier version does not say. */
  principal: z.string().nullable().optional(),
  role: z.enum(ROLES).nullable(),
  group: name.nullable(),
  validates: z.boolean(),
  usesLeft: z.number().int().nullable(),
  expiresMs: timeMs.nullable(),
  createdMs: timeMs,
  createdBy: z.string(),
  revokedMs: timeMs.nullable(),
});
export type Token = z.infer<typeof token>;

export const principal = z.object({
  name: z.string(),
  role: z.enum(ROLES),
  /** Of its access tokens: those that are good now. */
  tokens: z.number().int(),
  createdMs: timeMs,
  createdBy: z.string(),
  why: z.string(),
  /** Null: it is not. */
  revokedMs: timeMs.nullable(),
  revokedBy: z.string().nullable(),
});
export type Principal = z.infer<typeof principal>;
