/* The first versions on a host, and the name that it has by itself. */
import { hostname } from 'node:os';
import type { Enrolled } from '@moult/agent/enroll';
import { COMPONENTS } from '@moult/core/component';
import type { Layout } from '@moult/core/layout';
import type { Run } from '../shell.ts';
import { formatBytes, shortDigest } from '../terminal/format.ts';

/** The first label: `web-1` of `web-1.example.org`. */
export function nameOfHost(): string {
  return hostname().split('.')[0] ?? 'localhost';
}

/** Gives the slots. */
export async function installVersions(
  run: Run,
  layout: Layout,
  releases: Enrolled['desired'],
): Promise<object> {
  const { installFirst } = await import('@moult/agent/enroll');
  const slots = await installFirst({
    layout,
    releases,
    signal: run.stop,
    onProgress: ({ component, bytesDone, bytesTotal }) =>
      run.output.progress(`fetching the ${component}, ${formatBytes(bytesTotal)}`, {
        part: bytesDone,
        whole: bytesTotal,
      }),
    onDrop: (event) =>
      run.output.notice(
        event.kind === 'ignored'
          ? `${event.path} is not used: ${event.why}`
          : `${event.files} files, ${formatBytes(event.bytes)}, came from ${layout.dropDir}`,
      ),
  });
  for (const component of COMPONENTS) {
    const { version, digest } = slots[component];
    run.output.stepDone(`${component} ${version} (${shortDigest(digest)}) is installed`);
  }
  return slots;
}
