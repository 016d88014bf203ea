import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { AGENT_ERRORS } from '../src/errors/catalogue-agent.ts';
import { CLI_ERRORS } from '../src/errors/catalogue-cli.ts';
import { COORDINATOR_ERRORS } from '../src/errors/catalogue-coordinator.ts';
import { DOCTOR_ERRORS } from '../src/errors/catalogue-doctor.ts';
import { INSTALL_ERRORS } from '../src/errors/catalogue-install.ts';
import { LAUNCHER_ERRORS } from '../src/errors/catalogue-launcher.ts';
import { NETWORK_ERRORS } from '../src/errors/catalogue-network.ts';
import { RELEASE_ERRORS } from '../src/errors/catalogue-release.ts';
import { ROLLOUT_ERRORS } from '../src/errors/catalogue-rollout.ts';
import { RUNTIME_ERRORS } from '../src/errors/catalogue-runtime.ts';
import { TASK_ERRORS } from '../src/errors/catalogue-task.ts';
import {
  CATALOGUE,
  CodedError,
  codedErrorFrom,
  type ErrorCode,
  HTTP_STATUS,
  toldIn,
} from '../src/errors/index.ts';

test('every code is kebab-case, has a known status, says what happened and what to do next', () => {
  for (const [code, entry] of Object.entries(CATALOGUE)) {
    expect(code).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
    expect(HTTP_STATUS).toHaveProperty(entry.status);
    expect(entry.text, code).toMatch(/^[A-Za-z].{8,}\.$/s);
    expect(entry.remedy, code).toMatch(/^[A-Z].{8,}[.`]$/s);
  }
});

test('anything caught becomes a coded error, and a coded one stays itself', () => {
  const known = new CodedError('not-found', 'no agent web-1');
  expect(codedErrorFrom(known)).toBe(known);
  const wrapped = codedErrorFrom(new TypeError('x is not a function'));
  expect([wrapped.code, wrapped.status, wrapped.retryable]).toEqual([
    'internal',
    'internal',
    false,
  ]);
});

test('H17: a failure in a text is known by its code, and its remedy is that of the innermost cause', () => {
  expect(toldIn('packages-not-refreshed: trust-expired: past its date')).toEqual({
    code: 'packages-not-refreshed',
    message: 'trust-expired: past its date',
    remedy: CATALOGUE['trust-expired'].remedy,
  });
  expect(toldIn('disk-full: no space: left')).toMatchObject({
    message: 'no space: left',
    remedy: CATALOGUE['disk-full'].remedy,
  });
  for (const text of ['', 'disk-full', 'fetching: 3 of 4', 'constructor: x', 'null: null']) {
    expect(toldIn(text)).toBeNull();
  }
});

test('H17: docs/errors.md is what the catalogue says', async () => {
  const path = fileURLToPath(new URL('../../../docs/errors.md', import.meta.url));
  // Written anew by `vitest run packages/core -u`.
  await expect(errorsText()).toMatchFileSnapshot(path);
});

const GROUPS: readonly (readonly [string, object])[] = [
  ['Upgrades, enrollment and sessions on a host', AGENT_ERRORS],
  ['Boots on a host', LAUNCHER_ERRORS],
  ['Releases, trust and fetching', RELEASE_ERRORS],
  ['The coordinator', COORDINATOR_ERRORS],
  ['Rollouts', ROLLOUT_ERRORS],
  ['Tasks', TASK_ERRORS],
  ['The program `moult`', CLI_ERRORS],
  ['The network of a host', NETWORK_ERRORS],
  ['Installing', INSTALL_ERRORS],
  ['What `moult doctor` finds', DOCTOR_ERRORS],
  ['Anywhere', RUNTIME_ERRORS],
];

function errorsText(): string {
  const written = new Set<string>();
  const tables = GROUPS.flatMap(([title, group]) => {
    const codes = Object.keys(group).filter((code) => !written.has(code)) as ErrorCode[];
    for (const code of codes) written.add(code);
    return [
      '',
      `## ${title}`,
      '',
      '| Code | What happened | What to do | Status | Again? |',
      '|---|---|---|---|---|',
      ...codes.sort().map(rowOf),
    ];
  });
  return [
    '# Errors',
    '',
    'Every error of Moult by its code (`packages/core/src/errors`, from which this page is made). The message beside a code says which thing it is',
    'about. *Status* is the canonical status with its HTTP number; *again* says whether the same can succeed later without anybody changing anything.',
    '',
    'Why an upgrade did not begin has one of three names, with the code of its cause in the message: `packages-not-refreshed`,',
    '`desired-version-unavailable`, `desired-version-invalid`.',
    ...tables,
    '',
  ].join('\n');
}

function rowOf(code: ErrorCode): string {
  const { text, remedy, status, retryable } = CATALOGUE[code];
  const cells = [`\`${code}\``, text, remedy, `${status} (${HTTP_STATUS[status]})`];
  return `| ${[...cells, retryable ? 'yes' : 'no'].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
