import type { CoordinatorMessages, TaskOffer, TaskRunMessage } from '@moult/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';
import { HELLO, type TestAgent } from './support/test-agent.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
});
afterEach(() => fixture.stop());

const CAPABLE = { capabilities: [...HELLO.capabilities, 'control', 'tasks'] };

const BACKUP: TaskOffer = {
  name: 'backup',
  description: 'Copies the database away',
  parameters: ['target'],
  schedule: '0 3 * * *',
  timeZone: 'Europe/Berlin',
};
const CLEAN: TaskOffer = {
  name: 'clean',
  description: '',
  parameters: [],
  schedule: '',
  timeZone: '',
};

async function up(name: string, tasks: readonly TaskOffer[] = [BACKUP, CLEAN]): Promise<TestAgent> {
  const agent = await fixture.enroll(name);
  await agent.connect(CAPABLE);
  agent.report({ tasks });
  agent.send({ kind: 'check', message: { isFirst: true } });
  await agent.expect('hold');
  return agent;
}

function run(task: string, body: object) {
  return fixture.call('POST', '/v1/tasks', { body: { task, ...body } });
}

async function runOf(agent: string, run: string) {
  return (await fixture.call('GET', `/v1/agents/${agent}/runs/${encodeURIComponent(run)}`)).body;
}

const RUN: TaskRunMessage = {
  run: '',
  task: 'backup',
  commandId: '',
  attempt: 1,
  startedMs: 1_000,
  endedMs: 0,
  outcome: '',
  code: '',
  message: '',
  exitCode: -1,
  signal: '',
  outputBytes: 0,
  droppedBytes: 0,
  starts: 1,
};

function tell(agent: TestAgent, firstSequence: number, taskRun: Partial<TaskRunMessage>): void {
  const items = [{ item: 'taskRun' as const, taskRun: { ...RUN, ...taskRun } }];
  agent.send({ kind: 'output', message: { epoch: 't', firstSequence, items } });
}

test('a run goes from its order to its end, with what the host says of it', async () => {
  const agent = await up('web-1');
  const parameters = [{ name: 'target', value: 'nas' }];
  const { status, body } = await run('backup', { agents: ['web-1'], parameters, why: 'monthly' });
  expect(status).toBe(202);
  const [result] = body.results;
  expect(result).toMatchObject({ agent: 'web-1', outcome: 'ordered', command: { kind: 'task' } });
  const command: CoordinatorMessages['command'] = await agent.expect('command');
  expect(command).toMatchObject({ task: { name: 'backup', parameters } });
  expect(result.run).toBe(`${command.commandId}/1`);
  agent.send({ kind: 'accept', message: command });
  const { commandId, attempt } = command;
  const quiet = { step: '', detail: '', bytesDone: 0, bytesTotal: 0 };
  const waiting = { commandId, attempt, ...quiet, holdReason: 'busy' };
  agent.send({ kind: 'progress', message: waiting });
  tell(agent, 1, { run: result.run, commandId });
  await agent.expect('outputAck');
  expect(await runOf('web-1', result.run)).toMatchObject({
    state: 'running',
    holdReason: 'busy',
    isWaitingForHost: true,
    startedMs: 1_000,
    endedMs: null,
    why: 'monthly',
    parameters,
  });
  const over = { endedMs: 2_000, outcome: 'failed', code: 'task-exited', exitCode: 3 } as const;
  tell(agent, 2, { run: result.run, commandId, ...over, outputBytes: 7 });
  agent.sendFinish(command, {
    epoch: 't',
    sequence: 3,
    overrides: { outcome: 'failed', code: 'task-exited', message: 'exit code 3' },
  });
  await agent.expect('outputAck');
  await agent.expect('outputAck');
  expect(await runOf('web-1', result.run)).toMatchObject({
    state: 'failed',
    code: 'task-exited',
    message: 'exit code 3',
    exitCode: 3,
    endedMs: 2_000,
    outputBytes: 7,
    holdReason: null,
  });
});

test('an order is refused at once only where it is certain that the host would refuse it', async () => {
  await up('web-1');
  const old = await fixture.enroll('web-2');
  await old.connect();
  old.report();
  old.send({ kind: 'check', message: { isFirst: true } });
  await old.expect('hold');
  await fixture.enroll('web-3');
  const { body } = await run('restore', { select: 'agent=*' });
  expect(body.results).toMatchObject([
    { agent: 'web-1', outcome: 'refused', code: 'task-not-listed' },
    { agent: 'web-2', outcome: 'refused', code: 'capability-missing' },
    { agent: 'web-3', outcome: 'ordered', command: { holdReason: 'agent-down' } },
  ]);
  expect(body.results[0].message).toContain('backup, clean');
});

test('an agent that has just become able to run tasks is not judged by what it said before', async () => {
  const agent = await fixture.enroll('web-1');
  await agent.connect();
  agent.report();
  agent.send({ kind: 'check', message: { isFirst: true } });
  await agent.expect('hold');
  await agent.connect(CAPABLE);
  expect((await run('backup', { agents: ['web-1'] })).body.results).toMatchObject([
    { outcome: 'ordered' },
  ]);
});

test('the same key orders nothing twice', async () => {
  await up('web-1');
  const first = await run('clean', { agents: ['web-1'], key: 'k' });
  const again = await run('clean', { select: 'agent=*', key: 'k' });
  expect(again.body.results[0].run).toBe(first.body.results[0].run);
});

test('values beyond what a host can take, and a time that has passed, are refused', async () => {
  await up('web-1');
  const agents = ['web-1'];
  const long = [{ name: 'target', value: 'x'.repeat(8_193) }];
  expect((await run('backup', { agents, parameters: long })).body.code).toBe('request-invalid');
  const many = Array.from({ length: 10 }, (_, index) => ({
    name: `p${index}`,
    value: 'x'.repeat(8_000),
  }));
  expect((await run('backup', { agents, parameters: many })).body.code).toBe('request-invalid');
  expect((await run('backup', { agents, notAfterMs: 1 })).body.code).toBe('request-invalid');
});

test('tasks are listed with those who offer them, page by page', async () => {
  await up('web-1');
  await up('web-2', [{ ...BACKUP, description: 'other' }]);
  await up('web-3', [BACKUP]);
  const all = await fixture.call('GET', '/v1/tasks?limit=1');
  expect(all.body).toMatchObject({
    tasks: [
      {
        name: 'backup',
        description: 'Copies the database away',
        schedule: { cron: '0 3 * * *', timeZone: 'Europe/Berlin' },
        agents: 3,
        isUniform: false,
      },
    ],
    next: 'backup',
  });
  const rest = await fixture.call('GET', '/v1/tasks?after=backup');
  expect(rest.body).toMatchObject({ tasks: [{ name: 'clean', agents: 1, schedule: null }] });
  const own = await fixture.call('GET', '/v1/tasks?agent=web-2');
  expect(own.body.tasks).toMatchObject([{ name: 'backup', description: 'other', isUniform: true }]);
  expect((await fixture.call('GET', '/v1/agents/web-1')).body.tasks).toEqual(['backup', 'clean']);
  expect((await fixture.call('GET', '/v1/tasks?agent=nobody')).status).toBe(404);
});

test('runs are listed newest first and page by page, with those of schedules among them', async () => {
  const agent = await up('web-1');
  const startedMs = fixture.clock.nowMs();
  for (let sequence = 1; sequence <= 3; sequence++) {
    tell(agent, sequence, { run: `@backup/${sequence}`, startedMs: startedMs + sequence });
    await agent.expect('outputAck');
  }
  await fixture.clock.advance(10_000);
  await run('clean', { agents: ['web-1'] });
  await run('backup', { agents: ['web-1'] });
  const names: string[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const before: string = next === '' ? '' : `&before=${encodeURIComponent(next)}`;
    const { body } = await fixture.call('GET', `/v1/runs?limit=2${before}`);
    names.push(...body.runs.map((one: { run: string; task: string }) => `${one.task} ${one.run}`));
    next = body.next;
  }
  expect(names).toHaveLength(5);
  expect(new Set(names.slice(0, 2).map((one) => one.split(' ')[0]))).toEqual(
    new Set(['clean', 'backup']),
  );
  expect(names.slice(2)).toEqual(['backup @backup/3', 'backup @backup/2', 'backup @backup/1']);
  const some = await fixture.call('GET', '/v1/runs?task=backup&state=open&agent=web-1');
  expect(some.body.runs).toHaveLength(4);
  expect(await runOf('web-1', '@backup/2')).toMatchObject({
    state: 'running',
    commandId: null,
    createdBy: 'schedule',
  });
  expect((await fixture.call('GET', '/v1/runs?before=rubbish')).body.code).toBe('request-invalid');
});

async function begun(agent: TestAgent): Promise<CoordinatorMessages['command']> {
  await run('backup', { agents: ['web-1'] });
  const command = await agent.expect('command');
  agent.send({ kind: 'accept', message: command });
  tell(agent, 1, { run: `${command.commandId}/1`, commandId: command.commandId });
  await agent.expect('outputAck');
  return command;
}

function revoke(id: string, token?: string) {
  const given = token === undefined ? {} : { token };
  return fixture.call('POST', `/v1/commands/${id}/revoke`, { body: { why: 'no' }, ...given });
}

test('C19: a running task that is taken back is revoked at once, and its host told to end it', async () => {
  const agent = await up('web-1');
  const command = await begun(agent);
  const { body } = await revoke(command.commandId);
  expect(body).toMatchObject({ effect: 'ending', command: { state: 'revoked' } });
  const { commandId } = command;
  expect(await agent.expect('denied')).toMatchObject({ commandId, isFinal: true });
});

test('C19: a host that was away when its task was taken back is told when it comes, until it is over', async () => {
  const agent = await up('web-1');
  const command = await begun(agent);
  await agent.close();
  await revoke(command.commandId);
  await agent.connect(CAPABLE);
  const { commandId } = command;
  expect(await agent.expect('denied')).toMatchObject({ commandId, isFinal: true });
  agent.sendFinish(command, { epoch: 't', sequence: 2, overrides: { outcome: 'failed' } });
  await agent.expect('outputAck');
  await agent.connect(CAPABLE);
  agent.send({ kind: 'check', message: { isFirst: true } });
  // What would be said of the task comes before the answer.
  const next = await agent.connection?.next();
  expect(next).toMatchObject({ kind: 'hold' });
});

test('C19: a task that is accepted after it was taken back is denied', async () => {
  const agent = await up('web-1');
  await run('backup', { agents: ['web-1'] });
  const command = await agent.expect('command');
  await revoke(command.commandId);
  await agent.expect('denied');
  agent.send({ kind: 'accept', message: command });
  expect(await agent.expect('denied')).toMatchObject({ isFinal: true, reason: 'revoked' });
});

test('who may operate takes back tasks, and no upgrades', async () => {
  await up('web-1');
  await fixture.publishTwo();
  const made = await fixture.call('POST', '/v1/tokens', {
    body: { kind: 'access', role: 'operator', principal: 'otto' },
  });
  const token = made.body.text;
  const task = await run('backup', { agents: ['web-1'] });
  expect((await revoke(task.body.results[0].command.id, token)).status).toBe(200);
  const upgrade = await fixture.call('POST', '/v1/agents/web-1/upgrade', {
    body: { version: '2.0.0' },
  });
  const refused = await revoke(upgrade.body.command.id, token);
  expect(refused.body).toMatchObject({ code: 'permission-denied' });
});

test('why a task waits is said beside what is said of versions, as waiting for its host', async () => {
  const agent = await up('web-1');
  agent.report({ state: 'Paused', tasks: [BACKUP, CLEAN] });
  agent.send({ kind: 'check', message: { isFirst: false } });
  await agent.expect('hold');
  const { body } = await run('backup', { agents: ['web-1'] });
  expect(body.results[0].command).toMatchObject({ holdReason: 'paused' });
  const why = await fixture.call('GET', '/v1/agents/web-1/why');
  expect(why.body.reasons).toMatchObject([
    { task: 'backup', reason: 'paused', commandId: body.results[0].command.id },
  ]);
  agent.report({ tasks: [BACKUP, CLEAN] });
  const command = await agent.expect('command');
  agent.send({ kind: 'accept', message: command });
  const quiet = { step: '', detail: '', bytesDone: 0, bytesTotal: 0 };
  const { commandId, attempt } = command;
  agent.send({ kind: 'progress', message: { commandId, attempt, ...quiet, holdReason: 'busy' } });
  // The hourly question is about versions: a task that waits is no answer to it.
  agent.send({ kind: 'check', message: { isFirst: false } });
  expect(await agent.expect('hold')).toMatchObject({ reason: 'busy' });
  const busy = await fixture.call('GET', '/v1/agents/web-1/why');
  expect(busy.body.reasons).toMatchObject([
    { task: 'backup', reason: 'busy', isWaitingForHost: true },
  ]);
});
