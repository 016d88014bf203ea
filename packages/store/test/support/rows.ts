/* Rows that tests of a store begin with: two published releases, enrolled agents, their sessions, reports and finishes. */
import { NO_CHANGES } from '@moult/core/changed-files';
import type { Store, WriteArgs } from '../../src/index.ts';
import { makeToken } from './tokens.ts';

export const NOW = 1_800_000_000_000;
export const order = { nowMs: NOW, principal: 'ann', why: 'because' } as const;
export const D1: string = '1'.repeat(64);
export const D2: string = '2'.repeat(64);

export function enroll(
  store: Store,
  args: {
    readonly tokenId: string;
    readonly name: string;
    readonly publicKey: string;
    readonly nowMs?: number;
  },
) {
  return store.write('enroll', {
    secretHash: 'hash',
    platform: 'linux-x64',
    bindsChannel: false,
    nowMs: NOW,
    ...args,
  });
}

export async function agent(store: Store, name: string): Promise<{ readonly instanceId: string }> {
  await publish(store);
  const token = await makeToken(store, {});
  const enrolled = await enroll(store, { tokenId: token.id, name, publicKey: name });
  await report(store, enrolled.instanceId, []);
  return enrolled;
}

export async function publish(
  store: Store,
  releases: readonly (readonly [version: string, digest: string])[] = [
    ['1.0.0', D1],
    ['2.0.0', D2],
  ],
): Promise<void> {
  for (const [version, digest] of releases) {
    const name = { ...order, component: 'agent', version } as const;
    const built = {
      platform: 'linux-x64',
      digest,
      manifestBytes: 1,
      bytes: 1,
      files: 1,
      minimumLauncher: null,
    };
    await store.write('recordImport', { ...name, ...built });
    await store.write('recordPublish', name);
  }
}

export async function report(
  store: Store,
  instanceId: string,
  refused: WriteArgs<'recordReport'>['components'][number]['refused'],
  set: Partial<WriteArgs<'recordReport'>> = {},
) {
  const current = { version: '1.0.0', digest: D1 };
  return store.write('recordReport', {
    instanceId,
    state: 'Up',
    marks: [],
    isIdle: true,
    facts: [],
    labels: {},
    upgrade: null,
    tasks: [],
    configurationTrouble: '',
    kept: [],
    nowMs: NOW,
    components: [
      {
        component: 'agent',
        current,
        previous: null,
        refused,
        trialAttemptId: '',
        changes: NO_CHANGES,
      },
    ],
    ...set,
  });
}

export async function ordered(store: Store, agentName: string, key: string | null = null) {
  const wanted = {
    agentName,
    component: 'agent',
    version: '2.0.0',
    isForced: false,
    key,
  } as const;
  return (await store.write('orderUpgrade', { ...order, ...wanted })).command;
}

export function session(
  store: Store,
  args: {
    readonly instanceId: string;
    readonly counter: number;
    readonly ticket?: string;
    readonly newTicket?: string;
    readonly commandNonce?: string;
    readonly capabilities?: readonly string[];
    readonly seen?: { readonly generation: number; readonly position: number };
    readonly slot?: { readonly version: string; readonly digest: string };
    readonly nowMs?: number;
  },
) {
  const { slot, ...rest } = args;
  return store.write('openSession', {
    ticket: '',
    newTicket: 'ff',
    commandNonce: '',
    capabilities: ['auto-upgrade', 'control', 'fetch-only', 'soft-upgrade'],
    bootId: '',
    seen: { generation: 0, position: 0 },
    nowMs: NOW,
    slots: { agent: slot ?? { version: '1.0.0', digest: D1 }, launcher: null },
    ...rest,
  });
}

export function finish(
  store: Store,
  args: {
    readonly instanceId: string;
    readonly commandId: string;
    readonly sequence: number;
    readonly outcome?: string;
    readonly nowMs?: number;
    readonly steps?: readonly { readonly step: string; readonly startedMs: number }[];
  },
) {
  const report = {
    commandId: args.commandId,
    attempt: 1,
    outcome: args.outcome ?? 'succeeded',
    code: '',
    message: '',
    evidence: null,
    from: null,
    current: null,
    steps: args.steps ?? [],
    bytesFetched: 0,
    bytesTotal: 0,
    rehearsal: 'not-done',
  };
  return store.write('storeOutput', {
    instanceId: args.instanceId,
    epoch: 'e',
    firstSequence: args.sequence,
    items: [{ kind: 'finish', finish: report }],
    nowMs: args.nowMs ?? NOW,
  });
}

export async function instance(store: Store, id: string) {
  const row = await store.read('instanceById', id);
  if (row === null) throw new Error(`no instance ${id}`);
  return row;
}

export async function kinds(store: Store): Promise<readonly string[]> {
  const page = { agent: null, before: null, after: null, limit: 1000 };
  return (await store.read('historyPage', page)).map((row) => row.kind);
}
