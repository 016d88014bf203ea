// What the demo tells: two releases, three agents, an upgrade of each, and a release that crashes and harms nobody.

import type { Ended } from '../fleet/coordinator.ts';
import { FleetError } from '../fleet/fleet-error.ts';
import { AGENT_NAMES, type Fleet, isUp } from './fleet.ts';
import {
  CRASHING_RELEASE,
  DEMO_RELEASES,
  demoPacks,
  FIRST_RELEASE,
  LAUNCHER_RELEASE,
  type PackPathOf,
  SECOND_RELEASE,
} from './releases.ts';
import type { Screen } from './screen.ts';
import { evidenceText, secondsText, summaryLines } from './summary.ts';

export interface StoryOptions {
  readonly fleet: Fleet;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

/** Tells it to the end; throws FleetError where anything is not as it should be. */
export async function tellStory(options: StoryOptions): Promise<void> {
  const { screen, fleet } = options;
  const packPathOf = await buildReleases(options);
  await startCoordinator(options, packPathOf);
  await enrollAgents(options);
  const upgraded: Ended[] = [];
  screen.title(
    `Upgrading from ${FIRST_RELEASE.version} to ${SECOND_RELEASE.version}, one after the other`,
  );
  for (const name of AGENT_NAMES) upgraded.push(await upgradeWell(options, name));
  screen.title(`Ordering ${CRASHING_RELEASE.version}, which crashes at start`);
  for (const name of AGENT_NAMES) upgraded.push(await upgradeBadly(options, name));
  await fleet.untilUp(SECOND_RELEASE.version, () => undefined);
  screen.line(`All three go on with ${SECOND_RELEASE.version}, Up.`);
  screen.title('Summary');
  for (const line of summaryLines(upgraded)) screen.line(line);
}

async function buildReleases(options: StoryOptions): Promise<PackPathOf> {
  const { screen, signal } = options;
  screen.title('Releases');
  const startedMs = performance.now();
  const { packPathOf, isNew } = await demoPacks({
    signal,
    onBuild: (release) => screen.live(`building ${release.component} ${release.version}`),
  });
  for (const { component, version, is } of DEMO_RELEASES) {
    screen.line(`${component.padEnd(8)} ${version}  ${is}`);
  }
  screen.line(isNew ? `built in ${secondsText(performance.now() - startedMs)}` : 'built before');
  return packPathOf;
}

async function startCoordinator(options: StoryOptions, packPathOf: PackPathOf): Promise<void> {
  const { screen, fleet } = options;
  screen.title('Coordinator');
  screen.live('making keys, certificate authority and store');
  await fleet.startCoordinator();
  const { coordinator } = fleet;
  screen.line(`serves at ${coordinator.url}, its own certificate authority, the embedded store`);
  for (const release of DEMO_RELEASES) {
    screen.live(`signing and publishing ${release.component} ${release.version}`);
    await coordinator.publish(packPathOf(release));
  }
  screen.line(`${DEMO_RELEASES.length} releases are signed and published`);
  for (const { component, version } of [FIRST_RELEASE, LAUNCHER_RELEASE]) {
    const choice = ['agents', 'desired', '--fleet', '--component', component, '--to', version];
    await coordinator.moultOk([...choice, '--why', 'demo']);
  }
  screen.line(`desired version of the fleet: ${FIRST_RELEASE.version}`);
}

async function enrollAgents(options: StoryOptions): Promise<void> {
  const { screen, fleet } = options;
  screen.title('Agents');
  for (const name of AGENT_NAMES) {
    await fleet.startAgent(name, (text) =>
      screen.live(`${name}: ${text.replace(`${name}: `, '')}`),
    );
    screen.line(`${name}  enrolled, agent and launcher installed, started under its launcher`);
  }
  await fleet.coordinator.moultOk(['agents', 'validate', ...AGENT_NAMES, '--why', 'demo']);
  await fleet.untilUp(FIRST_RELEASE.version, (text) => screen.live(text));
  screen.line(`all three are validated and Up with ${FIRST_RELEASE.version}`);
}

async function upgradeWell(options: StoryOptions, name: string): Promise<Ended> {
  const { screen, fleet } = options;
  const { version } = SECOND_RELEASE;
  const { exitCode, said, ended } = await fleet.upgrade(name, version, (text) => screen.live(text));
  const attempt = ended.attempts.at(-1);
  const isDone = exitCode === 0 && ended.command.state === 'succeeded' && attempt !== undefined;
  if (!isDone || !isUp(await fleet.agents(), name, version)) {
    throw new FleetError(`${name} did not come to ${version}`, said);
  }
  const tookMs = (attempt.endedMs ?? attempt.startedMs) - attempt.startedMs;
  screen.line(
    `${name}  ${FIRST_RELEASE.version} -> ${version}  committed after ${secondsText(tookMs)}`,
  );
  return ended;
}

/** Wants 5, the exit code of an upgrade that failed, and the reason in the history. */
async function upgradeBadly(options: StoryOptions, name: string): Promise<Ended> {
  const { screen, fleet } = options;
  const { version } = CRASHING_RELEASE;
  const { exitCode, said, ended } = await fleet.upgrade(name, version, (text) => screen.live(text));
  if (exitCode !== 5 || ended.command.state !== 'failed') {
    const what = `${name} should have refused ${version}; the order ended with ${exitCode}, ${ended.command.state}`;
    throw new FleetError(what, said);
  }
  screen.line(`${name}  ${evidenceText(ended)}`);
  return ended;
}
