import { describe, expect, it } from 'vitest';
import { reportRows } from '../src/commands/rollouts/report-rows.ts';
import { nowLines } from '../src/commands/rollouts/report-text.ts';
import { type Handler, startCoordinator } from './support/fake-coordinator.ts';
import { AT_MS, act, given, member, REPORT, ROLLOUT, ROLLOUT_ID } from './support/rollouts.ts';
import { runHere } from './support/run-here.ts';

const is =
  (value: unknown): Handler =>
  () => ({ status: 200, value });

const at = (n: number) => ({ place: n, commandId: `01kq3v8m6t5n9y2${n}` });
const done = member('web-1', { ...at(0), state: 'done' });
const failed = member('web-2', {
  ...at(1),
  state: 'failed',
  code: 'crashed',
  message: 'it ended, at once',
});
const waiting = member('web-3', { place: 2, holdReason: 'awaiting-turn' });
const MEMBERS = [done, failed, waiting];
const ended = {
  state: 'failed',
  outcome: 'failed',
  code: 'crashed',
  message: 'it ended, at once',
} as const;
const BEFORE = given(failed, { ...ended, commandId: '01kq3v8m6t5n9y20', outcome: 'rolled-back' });
const GIVEN = [given(done), BEFORE, given(failed, ended)];
const ATTEMPT = {
  ...{ commandId: failed.commandId, attempt: 1, agent: 'web-2', component: 'agent', from: '1.3.0' },
  ...{ to: '1.4.0', createdBy: 'ada', why: '', startedMs: AT_MS, endedMs: AT_MS + 6_200 },
  ...{ outcome: 'failed', code: 'crashed', message: 'it ended', bytesFetched: 1, bytesTotal: 2 },
  ...{ gapMs: 310, rehearsal: 'passed' },
  evidence: {
    ...{ step: 'probation', reason: 'exit', detail: '', exitCode: 3, signal: null, samples: [] },
    logLines: ['no such table'],
  },
  steps: [
    { step: 'preflight', startedMs: AT_MS },
    { step: 'fetching', startedMs: AT_MS + 200 },
  ],
};
const COMMAND = {
  ...{ id: failed.commandId, kind: 'autoUpgrade', agent: 'web-2', instanceId: ROLLOUT_ID },
  ...{
    component: 'agent',
    version: '1.4.0',
    origin: 'rollout',
    isForced: false,
    isRevert: false,
    pace: 'now',
  },
  ...{ state: 'failed', holdReason: null, attempt: 1, outcome: 'failed', code: 'crashed' },
  ...{ message: null, createdMs: 0, createdBy: 'ada', why: '', notAfterMs: 1, endedMs: 6_200 },
  task: null,
};

const SKIPPED = act('rollout-agent-skipped', { agent: 'web-4', why: 'under repair' });
const HANDLERS: Readonly<Record<string, Handler>> = {
  'GET /v1/rollouts/spring': is(ROLLOUT),
  'GET /v1/rollouts/spring/report': is({ ...REPORT, acts: [...REPORT.acts, SKIPPED] }),
  [`GET /v1/rollouts/${ROLLOUT_ID}/agents`]: is({ agents: MEMBERS, next: null }),
  [`GET /v1/rollouts/${ROLLOUT_ID}/commands`]: (_body, query) => {
    const agent = query.get('agent');
    const commands = GIVEN.filter((one) => agent === null || one.agent === agent);
    return { status: 200, value: { commands, next: null } };
  },
  'GET /v1/attempts': is({ attempts: [ATTEMPT], next: null }),
  [`GET /v1/commands/${failed.commandId}`]: is({ command: COMMAND, attempts: [ATTEMPT] }),
};

async function report(...args: readonly string[]) {
  await using coordinator = await startCoordinator(HANDLERS);
  const given = ['rollouts', 'report', 'spring', ...args];
  return await runHere([...given, '--url', coordinator.url, '--token', 'x']);
}

describe('the report of a rollout', () => {
  it('has totals, each command under its agent, and who did what to it and why', async () => {
    const { out, err, exitCode } = await report();
    expect({ err, exitCode }).toEqual({ err: '', exitCode: 0 });
    expect(out.slice(out.indexOf('3 commands')).split('\n')).toEqual([
      '3 commands, 3.0 MiB fetched',
      '',
      'PLATFORM   OVER  AGENTS',
      'linux-x64  2/12  2 done, 1 upgrading, 9 waiting',
      '',
      'GROUP  OVER  AGENTS',
      'eu     2/12  2 done, 1 upgrading, 9 waiting',
      '',
      'WAVE  AGENT  GROUP  FROM   TO     ORDERED               TOOK  FETCHED  STATE',
      '   1  web-1  eu     1.3.0  1.4.0  2023-11-14 22:13:20  6.2 s  1.0 MiB  done',
      '   1  web-2  eu     1.3.0  1.4.0  2023-11-14 22:13:20  6.2 s  1.0 MiB  rolled back: it ended, at once (crashed)',
      '   1  web-2  eu     1.3.0  1.4.0  2023-11-14 22:13:20  6.2 s  1.0 MiB  failed: it ended, at once (crashed)',
      '   1  web-3  eu     1.3.0  -      -                        -        -  waiting: as many agents of its group as may be are upgrading already (awaiting-turn)',
      '',
      'AT                   WHAT           AGENT  BY   WHY',
      '2023-11-14 22:13:20  running        -      ada  change 42',
      '2023-11-14 22:13:20  agent skipped  web-4  ada  under repair',
      '',
    ]);
  });

  it('shows the evidence of those that failed where that is asked for', async () => {
    expect((await report()).out).not.toContain('no such table');
    const { out } = await report('--evidence');
    expect(out).toContain('  evidence: exit, exit code 3\n    | no such table\n');
  });

  it('is rows for a spreadsheet, and all of it for programs', async () => {
    expect((await report('-o', 'csv')).out.split('\n')).toEqual([
      'wave,place,agent,group,platform,try,from,to,state,failure,holdReason,ordered,started,ended,bytesFetched,gapMs,command,code,message',
      `1,1,web-1,eu,linux-x64,1,1.3.0,1.4.0,done,,,${TIMES},1048576,310,01kq3v8m6t5n9y20,,`,
      `1,2,web-2,eu,linux-x64,1,1.3.0,1.4.0,rolled-back,,,${TIMES},1048576,310,01kq3v8m6t5n9y20,crashed,"it ended, at once"`,
      `1,2,web-2,eu,linux-x64,2,1.3.0,1.4.0,failed,,,${TIMES},1048576,310,01kq3v8m6t5n9y21,crashed,"it ended, at once"`,
      '1,3,web-3,eu,linux-x64,,1.3.0,,waiting,,awaiting-turn,,,,,,,,',
      '',
    ]);
    const json = JSON.parse((await report('-o', 'json')).out);
    expect(json).toMatchObject({ ...REPORT, acts: {}, agents: MEMBERS, commands: GIVEN });
  });

  it('of one agent has each step with its time and the evidence; who is none of its agents is named', async () => {
    const { out } = await report('--agent', 'web-2');
    expect(out).toMatch(/ {2}preflight +200 ms\n {2}fetching +6\.0 s\n/);
    expect(out).toContain('    | no such table\n');
    const csv = await report('--agent', 'web-2', '-o', 'csv');
    expect(csv.out).toContain(
      `web-2,${failed.commandId},1,fetching,2023-11-14T22:13:20.200Z,2023-11-14T22:13:26.200Z,failed\n`,
    );
    const other = await report('--agent', 'web-9');
    expect(other.exitCode).toBe(2);
    expect(other.err).toContain('web-9 is no agent of the rollout spring');
  });
});

const TIMES = '2023-11-14T22:13:20.000Z,2023-11-14T22:13:20.100Z,2023-11-14T22:13:26.200Z';

describe('the rows of a report', () => {
  it('show an agent that is in the line again below how it ended before', () => {
    const again = member('web-2', { place: 1, commandId: failed.commandId });
    const rows = reportRows([again], [given(failed, ended)], '1.4.0');
    expect(rows.map(({ nth, state }) => [nth, state])).toEqual([
      [1, 'failed'],
      [0, 'waiting'],
    ]);
  });
});

describe('what an agent ran, in the rows of a report,', () => {
  const back = member('web-2', { state: 'to-roll-back', commandId: '01kq3v8m6t5n9y21' });
  const up = given(back, { commandId: '01kq3v8m6t5n9y20', from: null });
  const down = given(back, { to: '1.3.0', from: null, startedMs: null, endedMs: null });
  const froms = (...all: (typeof up)[]) =>
    reportRows([back], all, '1.4.0').map(({ from, given: of }) => [from, of?.to]);

  it('is not what it goes back to, before its host has begun', () => {
    expect(froms(up, down)).toEqual([
      ['1.3.0', '1.4.0'],
      [null, '1.3.0'],
    ]);
  });

  it('is what its host has said once it has', () => {
    expect(froms(up, { ...down, from: '1.4.0' })[1]).toEqual(['1.4.0', '1.3.0']);
  });
});

describe('where a rollout stands', () => {
  it('names who is upgrading, and who lately has, with state and reason', () => {
    const upgrading = [member('web-5', { state: 'upgrading', startedMs: AT_MS })];
    const lately = [{ ...failed, endedMs: AT_MS }];
    const text = nowLines({ ...REPORT, upgrading, lately }, AT_MS + 60_000).join('\n');
    expect(text).toContain(
      [
        'upgrading:',
        '  web-5 (eu), for 1 min 0 s: upgrading',
        '',
        'lately:',
        '  web-2 (eu), 1 min 0 s ago: failed: it ended, at once (crashed)',
      ].join('\n'),
    );
  });

  it('says so where nothing has run', () => {
    const pending = { ...ROLLOUT, state: 'pending', startedMs: null } as const;
    const text = nowLines({ ...REPORT, rollout: pending, commands: 0 }, AT_MS).join('\n');
    expect(text).toContain('\nNothing has run yet.\n');
  });
});
