/**
 * The environment for programs that we start: only what they need. NODE_OPTIONS and its kin would be code
 * injection; NOTIFY_SOCKET belongs to the launcher alone.
 */
const PASSED_ON = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'NO_COLOR'] as const;

export function cleanEnvironment(
  extra: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const passed: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = process.env[name];
    if (value !== undefined) passed[name] = value;
  }
  return { ...passed, ...extra };
}

export function environmentVariable(name: string): string | null {
  return process.env[name] ?? null;
}
