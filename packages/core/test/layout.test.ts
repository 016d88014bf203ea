import { expect, test } from 'vitest';
import { layoutOf, linkPathOf, versionsDirOf } from '../src/layout.ts';

test('a root moves everything below it and changes nothing else', () => {
  const system = layoutOf(null);
  const moved = layoutOf('/tmp/with blank/');
  for (const key of Object.keys(system) as (keyof typeof system)[]) {
    expect(moved[key]).toBe(`/tmp/with blank${system[key]}`);
  }
});

test('the paths that hosts in the field rely on do not move', () => {
  const layout = layoutOf(null);
  expect(layout.bootRecordPath).toBe('/var/lib/moult/boot.json');
  expect(layout.firstLauncherDir).toBe('/opt/moult/launcher');
  expect(versionsDirOf(layout, 'launcher')).toBe('/opt/moult/versions/launcher');
  expect(linkPathOf(layout, { component: 'agent', name: 'current' })).toBe(
    '/opt/moult/versions/current',
  );
});
