// What style.md forbids and neither the compiler nor Biome can: each ban says where it holds, why by its
// replacement, and which places are the door through which the thing comes in.

import type { Finding } from './finding.ts';
import type { Project } from './project.ts';
import { lineOf, type SourceFile } from './source-file.ts';

interface Ban {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Files that the ban is for. */
  readonly where: RegExp;
  /** The doors. */
  readonly except?: RegExp;
}

const PACKAGES = /^packages\/[^/]+\/src\//;
const UNIT_TESTS = /^(packages\/[^/]+\/test|test\/simulation)\//;
const ALL_TESTS = /^(packages\/[^/]+\/test|test)\//;
const EVERYWHERE = /./;
const RUNTIME = /^packages\/runtime\/src\//;
const RUNTIME_OR_CONFIG = /^packages\/(runtime\/src\/|[^/]+\/src\/(config\/|config\.ts$))/;
const STORE_OR_AGENT_DB = /^packages\/(store\/src\/|agent\/src\/(.*\/)?database\/)/;

const BANS: readonly Ban[] = [
  {
    pattern: /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bprocess\.(hrtime|uptime)\b/g,
    instead:
      'take the clock of @moult/runtime in the constructor (core: let the event bring `nowMs`)',
    where: PACKAGES,
    except: RUNTIME,
  },
  {
    pattern: /\b(setTimeout|setInterval|setImmediate)\b|\bAbortSignal\.timeout\b/g,
    instead: 'take the clock of @moult/runtime in the constructor and wait with it',
    where: PACKAGES,
    except: RUNTIME,
  },
  {
    pattern: /\bMath\.random\b/g,
    instead: 'take the random source of @moult/runtime in the constructor',
    where: PACKAGES,
    except: RUNTIME,
  },
  {
    pattern: /\bprocess\.(env|argv)\b/g,
    instead: 'read it once in the configuration and pass the value on',
    where: PACKAGES,
    except: RUNTIME_OR_CONFIG,
  },
  {
    pattern: /\bprocess\.(exit|abort|reallyExit)\b/g,
    instead: 'return the exit code to run-program in @moult/runtime',
    where: PACKAGES,
    except: /^packages\/runtime\/src\/(run-)?program\.ts$/,
  },
  {
    pattern: /\bsql`|\bDatabaseSync\b/g,
    instead: "move the query to packages/store or to the agent's database folder",
    where: PACKAGES,
    except: STORE_OR_AGENT_DB,
  },
  { pattern: /^\s*@[a-zA-Z]\w*/gm, instead: 'no decorators: call a function', where: EVERYWHERE },
  {
    pattern: /\bas any\b|@ts-ignore|@ts-nocheck/g,
    instead: 'give it a type; narrow `unknown` by checking it',
    where: EVERYWHERE,
  },
  {
    pattern: /\b(isTest|forTests?|testMode|IS_TEST|NODE_ENV)\b/g,
    instead: 'no flag for tests in production code: let the test pass another dependency',
    where: PACKAGES,
  },
  {
    pattern: /\b(test|it|describe)\.(only|skip|todo|fails)\b/g,
    instead: 'run it, mend it or delete it',
    where: ALL_TESTS,
  },
  {
    pattern: /\bvi\.(mock|doMock|spyOn|stubGlobal|useFakeTimers)\b|\bjest\./g,
    instead: 'pass a fake of our own through the constructor',
    where: ALL_TESTS,
  },
  {
    pattern: /\b(setTimeout|setInterval)\b|\bDate\.now\b|\bMath\.random\b/g,
    instead: 'no real time and no chance here: use the fake clock and the seed',
    where: UNIT_TESTS,
    except: /^packages\/runtime\/test\//,
  },
  {
    pattern: /\.toBe(Truthy|Falsy|Defined)\(\)/g,
    instead: 'assert on the value that it must have',
    where: ALL_TESTS,
  },
];

const FILE_NAMES_BANNED = /(^|\/)(util|utils|common|helper|helpers|manager|misc)(\.ts|\/)/;

export function findBanned(project: Project): readonly Finding[] {
  return [...project.sources, ...project.tests].flatMap((file) => [
    ...bansIn(file),
    ...badName(file),
    ...openIssueMarks(file),
  ]);
}

function bansIn(file: SourceFile): readonly Finding[] {
  return BANS.filter(
    ({ where, except }) => where.test(file.path) && !except?.test(file.path),
  ).flatMap(({ pattern, instead }) =>
    [...file.code.matchAll(pattern)].map((match) => ({
      file: file.path,
      line: lineOf(file.text, match.index),
      rule: 'banned',
      whatToDo: `${match[0].trim()}: ${instead}`,
    })),
  );
}

function badName(file: SourceFile): readonly Finding[] {
  if (!FILE_NAMES_BANNED.test(file.path)) return [];
  return [{ file: file.path, line: 1, rule: 'banned', whatToDo: 'name the file by what it holds' }];
}

function openIssueMarks(file: SourceFile): readonly Finding[] {
  return [...file.comments.matchAll(/\b(TODO|FIXME|XXX|HACK)\b|@ts-(ignore|nocheck)/g)].map(
    (match) => ({
      file: file.path,
      line: lineOf(file.text, match.index),
      rule: 'banned',
      whatToDo: `${match[0]}: do it, or open an issue and delete the mark`,
    }),
  );
}
