import { defineConfig } from 'vitest/config';
import { longFirst } from './test/support/long-first.ts';

/** The machines that run these tests are small: with two at once, a third of two cores had nothing to do. */
const WORKERS_MAX = 3;
/** More where workers wait for what the clock decides: three files are watched for minutes. */
const E2E_WORKERS_MAX = 4;
/** Of units and lives they take ten seconds and more, end to end more than a minute. */
const LONG = [
  'test/simulation/planted.test.ts',
  'packages/store/test/sqlite.test.ts',
  'test/simulation/host.test.ts',
  'test/simulation/fleet.test.ts',
  'packages/agent/test/process.test.ts',
  'packages/release/test/staging.test.ts',
  'packages/release/test/trust.test.ts',
  'packages/cli/test/commands.test.ts',
  'packages/cli/test/output-command.test.ts',
  'packages/cli/test/tasks.test.ts',
  'packages/release/test/build.test.ts',
  'packages/cli/test/targets.test.ts',
  'packages/launcher/test/first.test.ts',
  'packages/release/test/drop-folder.test.ts',
  'packages/cli/test/contexts.test.ts',
  'packages/launcher/test/rehearsal.test.ts',
  'packages/agent/test/prepared.test.ts',
  'test/e2e/rollout-back.test.ts',
  'test/e2e/bad-release.test.ts',
  'test/e2e/verdict.test.ts',
  'test/e2e/air-gap.test.ts',
  'test/e2e/readme.test.ts',
  'test/e2e/killed.test.ts',
  'test/e2e/install.test.ts',
  'test/e2e/restore.test.ts',
  'test/e2e/rehearsal.test.ts',
  'test/e2e/cuts.test.ts',
  'test/e2e/rollout-fleet.test.ts',
  'test/e2e/rollouts.test.ts',
  'test/e2e/choices.test.ts',
  'test/e2e/rollout-paces.test.ts',
  'test/e2e/bundle.test.ts',
  'test/e2e/upgrade.test.ts',
  'test/e2e/states.test.ts',
  'test/e2e/bad-input.test.ts',
  'test/e2e/queue.test.ts',
  'test/e2e/changed-by-hand.test.ts',
  'test/e2e/https.test.ts',
  'test/e2e/launcher.test.ts',
  'test/e2e/selectors.test.ts',
  'test/e2e/agent-states.test.ts',
  'test/e2e/old-agents.test.ts',
  'test/e2e/tasks.test.ts',
  'test/e2e/key-rotation.test.ts',
  'test/e2e/output.test.ts',
  'test/e2e/diagnosis.test.ts',
];

export default defineConfig({
  test: {
    maxWorkers: WORKERS_MAX,
    // Of the whole run: a project's own would be set up once for each.
    globalSetup: ['test/support/run-environment.ts'],
    sequence: { sequencer: longFirst(LONG) },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts', 'test/*.test.ts', 'test/support/**/*.test.ts'],
          // Bounds of a hang, not of speed: the machines are shared.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // A fifth of their processor time went into loading the same modules for each file; they leave nothing behind.
          isolate: false,
        },
      },
      {
        test: {
          name: 'sim',
          include: ['test/simulation/**/*.test.ts'],
          testTimeout: 400_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/support/prepare-fleets.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          // After the others, so that nothing else is busy beside them. They wait more than they work.
          maxWorkers: E2E_WORKERS_MAX,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
