/* The process of the light peers: does what the parent orders, one thing at a time, and ends with it. */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import type { EnrolledAgents } from './enroll.ts';
import { LightAgent } from './light-agent.ts';
import { BarePeer, type LightPeer, type Peers } from './light-peer.ts';
import type { Execution } from './light-upgrades.ts';
import type { Answers, Asked, Order, Status, Told } from './orders.ts';

/** Silent connections are looked for so often. */
const LOOK_MS = 1_000;

const crowd: LightPeer[] = [];
const refused: Record<string, number> = {};
const executions: Execution[] = [];
let live = 0;
let allLiveAtMs: number | null = null;

const peers: Peers = {
  live: () => {
    live += 1;
    allLiveAtMs = live === crowd.length ? Date.now() : null;
  },
  lost: () => {
    live -= 1;
    allLiveAtMs = null;
  },
  refused: (reason) => {
    refused[reason] = (refused[reason] ?? 0) + 1;
  },
};

async function start(order: Extract<Order, { kind: 'start' }>): Promise<null> {
  const made = order.mode === 'bare' ? bareOf(order) : await agentsOf(order);
  crowd.push(...made);
  made.forEach((peer, index) => {
    peer.start((index * order.rampMs) / made.length);
  });
  return null;
}

function bareOf(order: Extract<Order, { kind: 'start' }>): readonly LightPeer[] {
  return Array.from({ length: order.count }, () => new BarePeer({ url: order.url, peers }));
}

async function agentsOf(order: Extract<Order, { kind: 'start' }>): Promise<readonly LightPeer[]> {
  const enrolled = JSON.parse(await readFile(order.agentsPath, 'utf8')) as EnrolledAgents;
  const { digests } = enrolled;
  const executed = (execution: Execution) => executions.push(execution);
  const upgrading = order.mode === 'upgrading' ? { digests, executed } : null;
  return enrolled.agents
    .slice(order.from, order.from + order.count)
    .map((facts) => new LightAgent({ url: order.url, facts, peers, upgrading }));
}

function status(): Status {
  const { user, system } = process.cpuUsage();
  const cpuMs = (user + system) / 1_000;
  return { peers: crowd.length, live, allLiveAtMs, refused: { ...refused }, cpuMs };
}

async function ask(order: Extract<Order, { kind: 'ask' }>): Promise<Answers> {
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  const untilMs = startedMs + order.forMs;
  const askers = Array.from({ length: order.sideBySide }, async (_, first) => {
    // Each has peers of its own: a peer has one question under way.
    for (let index = first; performance.now() < untilMs; index += order.sideBySide) {
      if (index >= crowd.length) index = first;
      const peer = crowd[index];
      const askedMs = performance.now();
      if (peer === undefined) return;
      await peer.ask();
      latenciesMs.push(performance.now() - askedMs);
    }
  });
  await Promise.all(askers);
  const seconds = (performance.now() - startedMs) / 1_000;
  return { count: latenciesMs.length, perSecond: latenciesMs.length / seconds, latenciesMs };
}

async function converse(order: Extract<Order, { kind: 'converse' }>): Promise<number> {
  const startedMs = performance.now();
  const waiting = crowd.filter((peer) => peer instanceof BarePeer);
  const speakers = Array.from({ length: order.sideBySide }, async () => {
    for (let peer = waiting.pop(); peer !== undefined; peer = waiting.pop()) {
      for (let word = 0; word < order.wordsBefore; word += 1) await peer.ask();
      await peer.redial();
      for (let word = 0; word < order.wordsAfter; word += 1) await peer.ask();
    }
  });
  await Promise.all(speakers);
  return performance.now() - startedMs;
}

/** From before the request to the acceptance on the agent's session, in ms. */
async function upgrade(order: Extract<Order, { kind: 'upgrade' }>): Promise<readonly number[]> {
  const agent = new Agent({ keepAlive: true });
  const startedMs = performance.now();
  const accepted: Promise<number>[] = [];
  for (let index = 0; index < order.count; index += 1) {
    const dueMs = startedMs + index * order.everyMs;
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, dueMs - performance.now())));
    const peer = crowd[index];
    if (peer !== undefined) accepted.push(upgradeOne(order, { peer, agent }));
  }
  const latenciesMs = await Promise.all(accepted);
  agent.destroy();
  return latenciesMs;
}

async function upgradeOne(
  order: Extract<Order, { kind: 'upgrade' }>,
  of: { readonly peer: LightPeer; readonly agent: Agent },
): Promise<number> {
  const { peer, agent } = of;
  const orderedMs = performance.now();
  const accepted = new Promise<number>((resolve) => {
    peer.onAccepted = () => resolve(performance.now() - orderedMs);
  });
  await new Promise<void>((resolve, reject) => {
    const url = `${order.apiUrl}/v1/agents/${peer.name}/upgrade`;
    const headers = {
      authorization: `Bearer ${order.token}`,
      'content-type': 'application/json',
    };
    const sent = request(url, { method: 'POST', headers, agent }, (response) => {
      response.resume();
      if (response.statusCode !== undefined && response.statusCode < 300) resolve();
      else reject(new Error(`the order for ${peer.name} was answered ${response.statusCode}`));
    });
    sent.once('error', reject);
    sent.end(JSON.stringify({ version: order.version }));
  });
  return accepted;
}

async function obey(order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'start':
      return start(order);
    case 'status':
      return status();
    case 'executions':
      return executions;
    case 'converse':
      return converse(order);
    case 'ask':
      return ask(order);
    case 'upgrade':
      return upgrade(order);
  }
}

function tell(told: Told): void {
  process.send?.(told);
}

setInterval(() => {
  const nowMs = performance.now();
  for (const peer of crowd) peer.look(nowMs);
}, LOOK_MS);
process.on('message', ({ id, order }: Asked) => {
  obey(order).then(
    (result) => tell({ id, result }),
    (error: unknown) => tell({ id, failure: error instanceof Error ? error.message : 'failed' }),
  );
});
process.on('disconnect', () => process.exit(0));
