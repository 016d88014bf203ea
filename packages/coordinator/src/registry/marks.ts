import type { AgentMark } from '@moult/core/agent-state';
import type { InstanceTable } from '@moult/store';
import type { Session } from '../gateway/session.ts';

/** P10: its WebSocket does not come about, and it is served all the same. */
const OVER_HTTPS: AgentMark = 'over HTTPS';
/** Of these the coordinator knows, whatever a host says. */
const OURS: readonly string[] = ['unvalidated', 'quarantined', OVER_HTTPS];

/** The marks beside an agent's state: the store's own two, what the host reports, then how it is connected. */
export function marksOf(
  instance: Pick<InstanceTable, 'marks' | 'validated_ms' | 'quarantined_ms'>,
  session: Pick<Session, 'carrierKind'> | null,
): string[] {
  const reported = JSON.parse(instance.marks) as readonly string[];
  return [
    ...(instance.validated_ms === null ? ['unvalidated'] : []),
    ...(instance.quarantined_ms === null ? [] : ['quarantined']),
    ...reported.filter((mark) => !OURS.includes(mark)),
    ...(session?.carrierKind === 'https' ? [OVER_HTTPS] : []),
  ];
}
