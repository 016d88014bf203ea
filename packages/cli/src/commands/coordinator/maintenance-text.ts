import type { Maintenance } from '@moult/api';
import { formatTime } from '../../terminal/format.ts';

/** Names that one line can bear; all of them are in `-o json`. */
const NAMES_MAX = 20;

export function maintenanceLines(maintenance: Maintenance): readonly string[] {
  const { ordered, settlingSinceMs } = maintenance;
  const flying = inFlightText(maintenance);
  if (ordered !== null) {
    const { sinceMs, by, why } = ordered;
    const because = why === '' ? '' : `: ${why}`;
    return [
      `Maintenance since ${formatTime(sinceMs)} by ${by}${because}`,
      flying === null
        ? 'No agent is upgrading: the coordinator can be upgraded.'
        : `Still upgrading: ${flying}`,
      'No upgrade is sent until `moult coordinator maintenance off`.',
    ];
  }
  if (settlingSinceMs !== null) {
    return [
      `Another version than before since ${formatTime(settlingSinceMs)}: upgrades are held until those in flight have come, for ten minutes at most: ${flying ?? 'none'}`,
    ];
  }
  return [`No maintenance.${flying === null ? '' : ` Upgrading: ${flying}`}`];
}

/** Null: nobody is. */
export function inFlightText({ inFlight, inFlightCount }: Maintenance): string | null {
  if (inFlightCount === 0) return null;
  const names = inFlight
    .slice(0, NAMES_MAX)
    .map(({ agent, component, version }) => `${agent} (${component} ${version})`);
  const others = inFlightCount - names.length;
  return `${names.join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
}
