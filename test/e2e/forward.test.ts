/* Output handed on to a file and to a webhook, through the real programs, with kill -9 of the coordinator and a target that is away. */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../scripts/fleet/until.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { shellTask, taskHost } from '../support/task-host.ts';

const WAIT_MS = 60_000;
const LINES = 400;
/** While it runs the coordinator is killed so many times. */
const KILLS = 4;

let fleet: RealFleet;
beforeAll(async () => {
  fleet = await RealFleet.open('forward');
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

interface Line {
  readonly position: number;
  readonly kind: string;
  readonly run?: string;
  readonly stream?: string;
  readonly text?: string;
}

const linesIn = (text: string): readonly Line[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

/** Fails while it is told to, and keeps what it took. */
class Receiver {
  readonly bodies: string[] = [];
  isAway = true;
  refused = 0;
  readonly #server: Server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    if (this.isAway) this.refused += 1;
    else this.bodies.push(body);
    response.writeHead(this.isAway ? 503 : 204).end();
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/output`;
  }

  get lines(): readonly Line[] {
    return linesIn(this.bodies.join(''));
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

test('N2: a file has each line of output once and in order though the coordinator is killed again and again, and a webhook that was away has them all', async () => {
  const { coordinator } = fleet;
  const receiver = new Receiver();
  const path = join(fleet.dir, 'output.ndjson');
  const env = { MOULT_FORWARD_FILE: path, MOULT_FORWARD_WEBHOOK: await receiver.start() };
  const restart = async (): Promise<void> => {
    await coordinator.kill();
    await coordinator.start({ env });
  };
  await restart();
  const script = 'i=0; while [ $i -lt "$1" ]; do i=$((i+1)); echo "$i"; sleep 0.02; done';
  const parameters = { lines: { kind: 'integer', min: 1, max: 1000 } };
  const host = await taskHost(fleet, 'writer', { count: shellTask(script, parameters) });
  const order = { task: 'count', parameters: [{ name: 'lines', value: String(LINES) }] };
  const ordered = await coordinator.client.orderTasks({ body: { agents: [host.name], ...order } });
  const run = ordered.results[0]?.run ?? '';

  const inFile = async () => linesIn((await readFile(path, 'utf8')).replace(/[^\n]*$/, ''));
  const numbersIn = (lines: readonly Line[]): readonly number[] =>
    lines
      .filter((line) => line.run === run && line.stream === 'stdout')
      .flatMap(({ text = '' }) => text.trimEnd().split('\n').map(Number));
  for (let kill = 1; kill <= KILLS; kill++) {
    await until(
      `the file has ${kill} parts of the output`,
      async () => numbersIn(await inFile()).length >= (kill * LINES) / (KILLS + 2),
      { timeoutMs: WAIT_MS, detail: () => host.tail() },
    );
    await restart();
  }
  const isOver = (lines: readonly Line[]): boolean =>
    lines.filter((line) => line.kind === 'run' && line.run === run).length >= 2;
  await until('the file has the end of the run', async () => isOver(await inFile()), {
    timeoutMs: WAIT_MS,
    detail: () => host.tail(),
  });
  const lines = await inFile();
  expect(numbersIn(lines)).toEqual(Array.from({ length: LINES }, (_, index) => index + 1));
  const positions = lines.map(({ position }) => position);
  expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b));

  // All the while nobody took what the webhook was given.
  expect(receiver.refused).toBeGreaterThan(KILLS);
  expect(receiver.bodies).toEqual([]);
  const { stdout } = await coordinator.moult(['coordinator', 'status'], { timeoutMs: WAIT_MS });
  expect(stdout).toMatch(/Output goes to file:\S+: all of it/);
  expect(stdout).toMatch(/Output goes to webhook:\S+: not since .* answered 503/);
  receiver.isAway = false;
  await until('the webhook has the end of the run', async () => isOver(receiver.lines), {
    timeoutMs: WAIT_MS,
    detail: () => `${receiver.refused} refused, ${receiver.bodies.length} taken`,
  });
  expect(receiver.lines).toEqual(lines);
  receiver.stop();
  await fleet.leave(host);
});
