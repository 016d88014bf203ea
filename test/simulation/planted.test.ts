import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { PLANTED } from './planted.ts';

const ROOT_DIR = fileURLToPath(new URL('../..', import.meta.url));
/** Most are found in the first ten; what moves a life costs time here, and finds them all the same. */
const LIVES_MAX = 2_000;

describe('a planted defect is found within 2,000 lives', () => {
  test.each(PLANTED)('$name', ({ name, lives = 'host', seed = 1 }) => {
    const { status, stdout } = spawnSync(
      process.execPath,
      [
        ...['--import', './test/simulation/plant.ts', 'test/simulation/run-planted.ts'],
        ...[lives, String(seed), String(LIVES_MAX)],
      ],
      { cwd: ROOT_DIR, encoding: 'utf8', env: { ...process.env, PLANT: name } },
    );
    expect(stdout).toMatch(/^seed \d+: /m);
    expect(status).toBe(1);
  });
});
