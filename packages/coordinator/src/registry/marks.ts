import type { AgentMark } from '@moult/core/agent-state';
import { tooOldMarkOf } from '@moult/core/command';
import type { InstanceTable } from '@moult/store';
import type { Session } from '../gateway/session.ts';

/** P10: its WebSocket does not come about, and it is served all the same. */
const OVER_HTTPS: AgentMark = 'over HTTPS';
/** Of these the coordinator knows, whatever a host says. */
const OURS: readonly string[] = [
  'unvalidated',
  'quarantined',
  OVER_HTTPS,
  'manual upgrade required',
  'no Upgrading state',
] satisfies AgentMark[];

/** The marks beside an agent's state: the store's own two, what the host reports, how it is connected, what it is too old for. */
export function marksOf(
  instance: Pick<
    InstanceTable,
    'marks' | 'validated_ms' | 'quarantined_ms' | 'came_up_ms' | 'capabilities'
  >,
  session: Pick<Session, 'carrierKind'> | null,
): string[] {
  const reported = JSON.parse(instance.marks) as readonly string[];
  const tooOld = tooOldIn(instance);
  return [
    ...(instance.validated_ms === null ? ['unvalidated'] : []),
    ...(instance.quarantined_ms === null ? [] : ['quarantined']),
    ...reported.filter((mark) => !OURS.includes(mark)),
    ...(session?.carrierKind === 'https' ? [OVER_HTTPS] : []),
    ...(tooOld === null ? [] : [tooOld]),
  ];
}

/** Before its first session nobody knows what it can do. */
function tooOldIn(instance: Pick<InstanceTable, 'came_up_ms' | 'capabilities'>): AgentMark | null {
  if (instance.came_up_ms === null) return null;
  return tooOldMarkOf(JSON.parse(instance.capabilities) as readonly string[]);
}
