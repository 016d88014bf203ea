import type { InstanceTable } from '@moult/store';

/** The marks beside an agent's state: the store's own two, then what the host reports. */
export function marksOf(
  instance: Pick<InstanceTable, 'marks' | 'validated_ms' | 'quarantined_ms'>,
): string[] {
  const reported = JSON.parse(instance.marks) as readonly string[];
  return [
    ...(instance.validated_ms === null ? ['unvalidated'] : []),
    ...(instance.quarantined_ms === null ? [] : ['quarantined']),
    ...reported.filter((mark) => mark !== 'unvalidated' && mark !== 'quarantined'),
  ];
}
