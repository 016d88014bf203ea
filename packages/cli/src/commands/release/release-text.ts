import type { Release } from '@moult/api';
import { ABSENT, formatBytes, formatTime } from '../../terminal/format.ts';
import { fieldLines } from '../../terminal/table.ts';

export function releaseLines(release: Release): readonly string[] {
  return fieldLines([
    ['release', `${release.component} ${release.version}`],
    ['state', release.state],
    ['published', `${formatTime(release.publishedMs)} by ${release.publishedBy ?? ABSENT}`],
    ['run by', `${release.agents} ${release.agents === 1 ? 'instance' : 'instances'}`],
    ...release.platforms.map(
      ({ platform, digest, bytes, files }) =>
        [platform, `${files} files, ${formatBytes(bytes)}, digest ${digest}`] as const,
    ),
  ]);
}
