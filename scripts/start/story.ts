// What the demo tells: two releases, three agents, an upgrade of each, and a release that crashes and harms nobody.

import { join } from 'node:path';
import { DemoError } from './demo-error.ts';
import { AGENT_NAMES, Fleet, isUp, type Upgraded } from './fleet.ts';
import type { Moult } from './moult.ts';
import type { Processes } from './processes.ts';
import {
  CRASHING_RELEASE,
  DEMO_RELEASES,
  demoPacks,
  FIRST_RELEASE,
  LAUNCHER_RELEASE,
  SECOND_RELEASE,
} from './releases.ts';
import type { Screen } from './screen.ts';
import { evidenceText, secondsText, summaryLines } from './summary.ts';

export interface StoryOptions {
  readonly checkoutDir: string;
  readonly dir: string;
  readonly moult: Moult;
  readonly processes: Processes;
  readonly screen: Screen;
}

/** Tells it to the end and gives the fleet; throws DemoError where anything is not as it should be. */
export async function tellStory(options: StoryOptions): Promise<Fleet> {
  const { screen } = options;
  const fleet = new Fleet(options);
  const pathOf = await buildReleases(options);
  await startCoordinator(options, fleet, pathOf);
  await enrollAgents(options, fleet);
  const upgraded: Upgraded[] = [];
  screen.title(
    `Upgrading from ${FIRST_RELEASE.version} to ${SECOND_RELEASE.version}, one after the other`,
  );
  for (const name of AGENT_NAMES) upgraded.push(await upgradeWell(options, fleet, name));
  screen.title(`Ordering ${CRASHING_RELEASE.version}, which crashes at start`);
  for (const name of AGENT_NAMES) upgraded.push(await upgradeBadly(options, fleet, name));
  await requireUnharmed(fleet);
  screen.line(`All three go on with ${SECOND_RELEASE.version}, Up.`);
  screen.title('Summary');
  for (const line of summaryLines(upgraded)) screen.line(line);
  return fleet;
}

type PathOf = (release: (typeof DEMO_RELEASES)[number]) => string;

async function buildReleases(options: StoryOptions): Promise<PathOf> {
  const { screen } = options;
  screen.title('Releases');
  const startedMs = performance.now();
  const { pathOf, isNew } = await demoPacks({
    ...options,
    onBuild: (release) => screen.live(`building ${release.component} ${release.version}`),
  });
  for (const { component, version, is } of DEMO_RELEASES) {
    screen.line(`${component.padEnd(8)} ${version}  ${is}`);
  }
  screen.line(isNew ? `built in ${secondsText(performance.now() - startedMs)}` : 'built before');
  return pathOf;
}

async function startCoordinator(
  options: StoryOptions,
  fleet: Fleet,
  pathOf: PathOf,
): Promise<void> {
  const { screen, moult, dir } = options;
  screen.title('Coordinator');
  screen.live('making keys, certificate authority and store');
  await fleet.startCoordinator();
  screen.line(`serves at ${fleet.url}, its own certificate authority, the embedded store`);
  for (const release of DEMO_RELEASES) {
    screen.live(`signing and publishing ${release.component} ${release.version}`);
    await moult.done(['release', 'publish', pathOf(release), '--keys', join(dir, 'keys')]);
  }
  screen.line(`${DEMO_RELEASES.length} releases are signed and published`);
  for (const { component, version } of [FIRST_RELEASE, LAUNCHER_RELEASE]) {
    const choice = ['agents', 'desired', '--fleet', '--component', component, '--to', version];
    await moult.done([...choice, '--why', 'demo']);
  }
  screen.line(`desired version of the fleet: ${FIRST_RELEASE.version}`);
}

async function enrollAgents(options: StoryOptions, fleet: Fleet): Promise<void> {
  const { screen, moult } = options;
  screen.title('Agents');
  for (const name of AGENT_NAMES) {
    await fleet.enroll(name, (text) => screen.live(`${name}: ${text.replace(`${name}: `, '')}`));
    fleet.startLauncher(name);
    screen.line(`${name}  enrolled, agent and launcher installed, started under its launcher`);
  }
  await moult.done(['agents', 'validate', ...AGENT_NAMES, '--why', 'demo']);
  await fleet.untilUp(FIRST_RELEASE.version, (text) => screen.live(text));
  screen.line(`all three are validated and Up with ${FIRST_RELEASE.version}`);
}

async function upgradeWell(options: StoryOptions, fleet: Fleet, name: string): Promise<Upgraded> {
  const { screen } = options;
  const { version } = SECOND_RELEASE;
  const { exitCode, err, upgraded } = await fleet.upgrade(name, version, (text) =>
    screen.live(text),
  );
  const attempt = upgraded.attempts.at(-1);
  const isDone = exitCode === 0 && upgraded.command.state === 'succeeded' && attempt !== undefined;
  if (!isDone || !isUp(await fleet.agents(), name, version)) {
    throw new DemoError(`${name} did not come to ${version}`, err.trimEnd().split('\n'));
  }
  const tookMs = (attempt.endedMs ?? attempt.startedMs) - attempt.startedMs;
  screen.line(
    `${name}  ${FIRST_RELEASE.version} -> ${version}  committed after ${secondsText(tookMs)}`,
  );
  return upgraded;
}

/** Wants 5, the exit code of an upgrade that failed, and the reason in the history. */
async function upgradeBadly(options: StoryOptions, fleet: Fleet, name: string): Promise<Upgraded> {
  const { screen } = options;
  const { version } = CRASHING_RELEASE;
  const { exitCode, err, upgraded } = await fleet.upgrade(name, version, (text) =>
    screen.live(text),
  );
  if (exitCode !== 5 || upgraded.command.state !== 'failed') {
    const what = `${name} should have refused ${version}; the order ended with ${exitCode}, ${upgraded.command.state}`;
    throw new DemoError(what, err.trimEnd().split('\n'));
  }
  screen.line(`${name}  ${evidenceText(upgraded)}`);
  return upgraded;
}

async function requireUnharmed(fleet: Fleet): Promise<void> {
  const { version } = SECOND_RELEASE;
  await fleet.untilUp(version, () => undefined);
}
