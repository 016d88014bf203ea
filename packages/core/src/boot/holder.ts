/*
 * `<state>/holder.json`: which process serves, written by the agent after it took the lock. A launcher ends the
 * recorded holder before it spawns. A pid alone may long be somebody else's, hence the start time.
 */
export interface Holder {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat (clock ticks after boot), as text. */
  readonly startTime: string;
}

export function encodeHolder(holder: Holder): string {
  return `${JSON.stringify(holder)}\n`;
}

/** Null for anything that does not name a process: then there is nobody to end. */
export function readHolder(text: string | null): Holder | null {
  if (text === null) return null;
  try {
    const raw = JSON.parse(text) as { pid?: unknown; startTime?: unknown } | null;
    const pid = raw?.pid;
    const startTime = raw?.startTime;
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 2) return null;
    if (typeof startTime !== 'string' && typeof startTime !== 'number') return null;
    return { pid, startTime: String(startTime) };
  } catch {
    return null;
  }
}

/** Start time from the text of /proc/<pid>/stat: the name in parentheses may itself hold blanks and parentheses. */
export function startTimeOf(stat: string): string | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Field 3 (state) is the first after the name, so field 22 is the twentieth.
  return fields[19] ?? null;
}
