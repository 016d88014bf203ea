import type { Agent, Attempt, Command } from '@moult/api';
import { describe, expect, it } from 'vitest';
import { type Handler, problemOf, startCoordinator } from './support/fake-coordinator.ts';
import { runMoult } from './support/run-moult.ts';

const DIGEST = 'ab'.repeat(32);

const AGENT: Agent = {
  name: 'web-1',
  instanceId: '01kq3v8m6t5n9y2x',
  group: 'default',
  state: 'Up',
  marks: ['probation'],
  platform: 'linux-x64\u001b[31m',
  components: [
    {
      component: 'agent',
      current: { version: '1.0.0', digest: DIGEST },
      previous: null,
      desired: { version: '1.1.0', from: 'fleet' },
      refused: [],
      changed: { files: [], count: 0 },
    },
  ],
  upgrade: null,
  lastSeenMs: null,
  enrolledMs: 1_700_000_000_000,
  validatedBy: null,
  facts: { kernel: '\u001b]0;owned\u0007linux' },
  tasks: null,
  configurationTrouble: null,
  kept: [],
  labels: {},
  hostLabels: {},
};

const COMMAND: Command = {
  id: '01kq3v8m6t5n9y2x',
  kind: 'autoUpgrade',
  agent: 'web-1',
  instanceId: '01kq3v8m6t5n9y2x',
  component: 'agent',
  version: '1.1.0',
  origin: 'manual',
  isForced: false,
  isRevert: false,
  pace: 'now',
  state: 'queued',
  holdReason: null,
  attempt: 0,
  outcome: null,
  code: null,
  message: null,
  createdMs: 1_700_000_000_000,
  createdBy: 'ada',
  why: '',
  notAfterMs: 1_800_000_000_000,
  endedMs: null,
  task: null,
};

const ATTEMPT: Attempt = {
  commandId: COMMAND.id,
  attempt: 1,
  agent: 'web-1',
  component: 'agent',
  from: '1.0.0',
  to: '1.1.0',
  createdBy: 'ada',
  why: '',
  startedMs: 1_700_000_000_000,
  endedMs: 1_700_000_006_200,
  outcome: 'succeeded',
  code: null,
  message: null,
  bytesFetched: 1_024,
  bytesTotal: 126_600_000,
  gapMs: 310,
  rehearsal: 'not-done',
  steps: [
    { step: 'fetching', startedMs: 1_700_000_000_000 },
    { step: 'draining', startedMs: 1_700_000_001_000 },
  ],
  evidence: null,
};

const ORDER = { agent: 'web-1', version: '1.1.0', commandId: COMMAND.id, isNew: true };
const ordered: Handler = () => ({
  status: 202,
  value: {
    ...{ selected: 1, ordered: [ORDER], refused: [], unfinished: null },
    ...{ leftOut: [], warnings: [] },
  },
});

describe('moult agents', () => {
  it('gives programs exactly the objects of the API, and people nothing that a terminal obeys', async () => {
    await using coordinator = await startCoordinator({
      'GET /v1/agents': () => ({ status: 200, value: { agents: [AGENT], next: null } }),
      'GET /v1/agents/web-1': () => ({ status: 200, value: AGENT }),
    });
    const list = await runMoult(['agents', 'list', ...connection(coordinator.url)]);
    expect(list.out).toContain('web-1  default  Up (probation)  1.0.0    1.1.0');
    const show = await runMoult(['agents', 'show', 'web-1', ...connection(coordinator.url)]);
    expect(list.out + show.out).toMatch(/^[\n -~]*$/);
    expect(show.out).toContain('kernel:         linux');
    const json = await runMoult([
      'agents',
      'show',
      'web-1',
      '-o',
      'json',
      ...connection(coordinator.url),
    ]);
    expect(JSON.parse(json.out)).toEqual(AGENT);
    expect(json.out).toMatch(/^[\n -~]*$/);
  });

  it('shows what tasks an agent offers, and that its configuration as it is now is not used', async () => {
    const configurationTrouble =
      'tasks-file-invalid: tasks.backup.program: must be an absolute path';
    await using coordinator = await startCoordinator({
      'GET /v1/agents/web-1': () => ({
        status: 200,
        value: { ...AGENT, marks: ['busy'], tasks: ['backup', 'clean'], configurationTrouble },
      }),
    });
    const show = await runMoult(['agents', 'show', 'web-1', ...connection(coordinator.url)]);
    expect(show.out).toMatch(/^state: +Up \(busy\)$/m);
    expect(show.out).toMatch(/^tasks: +backup, clean \(moult tasks list --agent web-1\)$/m);
    expect(show.out).toMatch(
      /^configuration: +not used as it is now: tasks-file-invalid: tasks.backup/m,
    );
    expect(show.out).toMatch(/^next: +Correct it on the host/m);
  });

  it('ends with 4 where the role may not, and with 6 on a conflict', async () => {
    await using coordinator = await startCoordinator({
      'POST /v1/agents/upgrade': (body) =>
        JSON.stringify(body).includes('web-1')
          ? problemOf(403, 'permission-denied', 'a viewer may not upgrade')
          : problemOf(409, 'release-exists', 'it is so'),
    });
    const denied = await runMoult(['agents', 'upgrade', 'web-1', ...connection(coordinator.url)]);
    expect(denied).toMatchObject({
      exitCode: 4,
      err: 'error: a viewer may not upgrade\nnext: Do it otherwise.\ncode: permission-denied\n',
    });
    const conflict = await runMoult(['agents', 'upgrade', 'web-2', ...connection(coordinator.url)]);
    expect(conflict.exitCode).toBe(6);
  });
});

describe('moult agents upgrade --wait', () => {
  it('shows each step once and ends with 0 when the command succeeded', async () => {
    await using coordinator = await startCoordinator({
      'POST /v1/agents/upgrade': ordered,
      [`GET /v1/commands/${COMMAND.id}`]: () => ({
        status: 200,
        value: {
          command: { ...COMMAND, state: 'succeeded', outcome: 'succeeded' },
          attempts: [ATTEMPT],
        },
      }),
    });
    const ended = await runMoult([
      'agents',
      'upgrade',
      'web-1',
      '--to',
      '1.1.0',
      '--wait',
      ...connection(coordinator.url),
    ]);
    expect(ended.exitCode).toBe(0);
    expect(ended.err).toContain('step web-1: fetching\nstep web-1: draining\n');
    expect(ended.err).toContain('succeeded in 6.2 s, fetched 1.0 KiB of 121 MiB, gap 310 ms');
    expect(coordinator.bodies[0]).toMatchObject({ component: 'agent', version: '1.1.0' });
  });

  it('shows no step behind a later one, though the end tells of steps that nobody had heard of', async () => {
    const all = ['fetching', 'staged', 'draining', 'switching'];
    const steps = all.map((step, index) => ({ step, startedMs: 1_700_000_000_000 + index }));
    let asked = 0;
    await using coordinator = await startCoordinator({
      'POST /v1/agents/upgrade': ordered,
      [`GET /v1/commands/${COMMAND.id}`]: () => {
        asked += 1;
        const end = asked === 1 ? {} : { state: 'succeeded', outcome: 'succeeded' };
        const told = asked === 1 ? ATTEMPT.steps : steps;
        return {
          status: 200,
          value: { command: { ...COMMAND, ...end }, attempts: [{ ...ATTEMPT, steps: told }] },
        };
      },
    });
    const upgrade = ['agents', 'upgrade', 'web-1', '--to', '1.1.0', '--wait'];
    const { err } = await runMoult([...upgrade, ...connection(coordinator.url)]);
    const shown = [...err.matchAll(/^step web-1: ([a-z-]+)$/gm)].map(([, step]) => step);
    expect(shown).toEqual(['fetching', 'draining', 'switching']);
  });

  it('ends with 5 and the evidence when it was rolled back', async () => {
    const evidence = {
      reason: 'tries-used',
      detail: 'ended three times',
      exitCode: 1,
      signal: null,
      logLines: [],
      samples: [],
    };
    await using coordinator = await startCoordinator({
      'POST /v1/agents/upgrade': ordered,
      [`GET /v1/commands/${COMMAND.id}`]: () => ({
        status: 200,
        value: {
          command: { ...COMMAND, state: 'failed', outcome: 'rolled-back' },
          attempts: [{ ...ATTEMPT, outcome: 'rolled-back', evidence }],
        },
      }),
    });
    const ended = await runMoult([
      'agents',
      'upgrade',
      'web-1',
      '--wait',
      ...connection(coordinator.url),
    ]);
    expect(ended.exitCode).toBe(5);
    expect(ended.err).toContain('error: web-1: agent 1.1.0 rolled-back: ended three times');
    expect(ended.err).toContain('next: See `moult history web-1`');
  });

  it('ends with 3 when the time is over, and says that the command goes on', async () => {
    await using coordinator = await startCoordinator({
      'POST /v1/agents/upgrade': ordered,
      [`GET /v1/commands/${COMMAND.id}`]: () => ({
        status: 200,
        value: { command: { ...COMMAND, holdReason: 'agent-down' }, attempts: [] },
      }),
    });
    const args = [
      'agents',
      'upgrade',
      'web-1',
      '--wait',
      '--timeout',
      '1ms',
      ...connection(coordinator.url),
    ];
    const ended = await runMoult(args);
    expect(ended.exitCode).toBe(3);
    expect(ended.err).toContain('web-1: waiting for host: the agent is not connected (agent-down)');
    expect(ended.err).toContain('moult why web-1');
  });

  it('ends with 130 at Ctrl-C', async () => {
    await using coordinator = await startCoordinator({
      'POST /v1/agents/upgrade': ordered,
      [`GET /v1/commands/${COMMAND.id}`]: () => ({
        status: 200,
        value: { command: COMMAND, attempts: [] },
      }),
    });
    const ended = await runMoult(
      ['agents', 'upgrade', 'web-1', '--wait', ...connection(coordinator.url)],
      {
        onOutput: (text, kill) => {
          if (text.includes('web-1: queued')) kill('SIGINT');
        },
      },
    );
    expect(ended.exitCode).toBe(130);
    expect(ended.err).not.toContain('error');
  });
});

describe('moult commands show --exit-code', () => {
  it.each([
    ['queued', 8],
    ['succeeded', 0],
    ['failed', 5],
  ])('%s ends with %d', async (state, exitCode) => {
    await using coordinator = await startCoordinator({
      [`GET /v1/commands/${COMMAND.id}`]: () => ({
        status: 200,
        value: { command: { ...COMMAND, state }, attempts: [] },
      }),
    });
    const ended = await runMoult([
      'commands',
      'show',
      COMMAND.id,
      '--exit-code',
      ...connection(coordinator.url),
    ]);
    expect(ended.exitCode).toBe(exitCode);
  });
});

function connection(url: string): readonly string[] {
  return ['--url', url, '--token', 'x'];
}
