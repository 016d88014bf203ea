// Are the dependencies those of package-lock.json, and if not, install them: without install scripts, without noise.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { CACHE_DIR, MODULES_DIR, NODE_PATH, PLATFORM, ROOT_DIR } from './places.mjs';
import { SetupError } from './setup-error.mjs';

const STAMP_PATH = join(MODULES_DIR, '.moult-dependencies');
/** As much of npm's own words as helps; its whole log is in the file that it names. */
const NPM_LINES_MAX = 15;
/** An installation that is told to end must not go on behind our back. */
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export function areDependenciesCurrent() {
  return existsSync(NODE_PATH) && readOrEmpty(STAMP_PATH) === wantedStamp();
}

export async function installDependencies() {
  refuseUnknownPlatform();
  process.stderr.write(
    existsSync(STAMP_PATH)
      ? 'Installing dependencies anew, because they changed ...\n'
      : 'Installing dependencies (first time only) ...\n',
  );
  rmSync(STAMP_PATH, { force: true });
  const stamp = wantedStamp();
  const { code, output } = await runNpm();
  if (code !== 0) {
    throw new SetupError(
      `Installing the dependencies failed:\n${output.split('\n').filter(Boolean).slice(-NPM_LINES_MAX).join('\n')}`,
      'Check that this machine reaches the npm registry and that there is 1 GB of space, then run the same command again.',
    );
  }
  if (!existsSync(NODE_PATH)) {
    throw new SetupError(
      `The package with Node for ${PLATFORM} was not installed.`,
      'Check that this machine reaches the npm registry, then run the same command again.',
    );
  }
  writeFileSync(STAMP_PATH, stamp);
}

function refuseUnknownPlatform() {
  const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT_DIR, 'package.json'), 'utf8'));
  if (Object.hasOwn(optionalDependencies, `node-${PLATFORM}`)) return;
  throw new SetupError(
    `Moult is not developed on ${PLATFORM} yet.`,
    `Use one of: ${Object.keys(optionalDependencies)
      .map((name) => name.replace('node-', ''))
      .join(', ')}.`,
  );
}

function wantedStamp() {
  const hash = createHash('sha256');
  for (const file of ['package-lock.json', '.npmrc'])
    hash.update(readFileSync(join(ROOT_DIR, file)));
  return `${hash.digest('hex')} ${PLATFORM}\n`;
}

function runNpm() {
  const args = [
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--prefer-offline',
    '--no-progress',
  ];
  const [command, ...first] = npmCommand();
  const child = spawn(command, [...first, ...args], {
    cwd: ROOT_DIR,
    env: npmEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const forward = (signal) => child.kill(signal);
  for (const signal of ENDING_SIGNALS) process.on(signal, forward);
  return new Promise((resolve) => {
    let output = '';
    const keep = (chunk) => {
      output += chunk;
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => resolve({ code: 127, output: `${command}: ${error.message}` }));
    child.on('close', (code, signal) => {
      for (const name of ENDING_SIGNALS) process.removeListener(name, forward);
      resolve({ code: code ?? 1, output: signal ? `${output}\nnpm ended by ${signal}` : output });
    });
  });
}

/** The npm that started us, if it did; the one in PATH otherwise. */
function npmCommand() {
  const started = process.env.npm_execpath;
  return started !== undefined && basename(started).startsWith('npm-cli')
    ? [process.execPath, started]
    : ['npm'];
}

function npmEnvironment() {
  const env = { ...process.env, npm_config_loglevel: 'error', npm_config_update_notifier: 'false' };
  // Options of the outer command (`npm test --workspace x`) are not meant for the installation.
  for (const name of [
    'npm_config_workspace',
    'npm_config_workspaces',
    'npm_config_global',
    'npm_config_dry_run',
    'npm_config_omit',
  ]) {
    delete env[name];
  }
  if (!canWriteHome()) {
    const cacheDir = join(CACHE_DIR, 'npm');
    mkdirSync(cacheDir, { recursive: true });
    env.npm_config_cache = cacheDir;
  }
  return env;
}

function canWriteHome() {
  try {
    accessSync(homedir(), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
