import { DatabaseSync } from 'node:sqlite';

/** The baseline of a plan: what it reads of each agent, read by one query and written as JSON. */
export function planBaselineMs(databasePath: string): number {
  const database = new DatabaseSync(databasePath, { readOnly: true });
  try {
    const startedMs = performance.now();
    const rows = database
      .prepare(
        `SELECT i.id, i.agent_name, i.platform, i.capabilities, i.came_up_ms, a.group_name, c.current_version, c.refused, c.changed
           FROM instances i JOIN agents a ON a.name = i.agent_name
           LEFT JOIN instance_components c ON c.instance_id = i.id AND c.component = 'agent'
           ORDER BY i.agent_name`,
      )
      .all();
    JSON.stringify(rows);
    return performance.now() - startedMs;
  } finally {
    database.close();
  }
}
