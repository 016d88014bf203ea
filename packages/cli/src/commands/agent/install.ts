import type { Enrolled } from '@moult/agent/enroll';
import {
  type AgentInstallFacts,
  agentInstallPlan,
  agentInstallRefusal,
  type InstallPlan,
  versionsBefore,
} from '@moult/core/install';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import { findAgent } from '../../install/agent-facts.ts';
import { carryOut, type OwnWork } from '../../install/carry-out.ts';
import { installVersions, nameOfHost } from '../../install/first-versions.ts';
import { quoted, startLine } from '../../install/start-line.ts';
import { changes, stepsOf, tellPlan } from '../../install/tell.ts';
import type { Run, Shell } from '../../shell.ts';
import { type GivenProxy, givenProxy } from './proxy.ts';
import { givenToken, type TokenFlags } from './token.ts';

interface InstallOptions extends TokenFlags {
  readonly coordinator?: string;
  readonly name?: string;
  readonly root?: string;
  readonly user?: string;
  readonly proxy?: string;
  readonly proxyPasswordFile?: string;
  readonly start: boolean;
  readonly dryRun?: boolean;
}

export function addAgentInstall(group: Command, shell: Shell): void {
  const command = group
    .command('install')
    .description(
      'install the agent as a service: user, directories, enrollment, first versions, unit, start; may be repeated, and changes then only what is not so',
    )
    .option('--coordinator <url>', 'address of the coordinator (MOULT_COORDINATOR)')
    .option('--token <token>', 'enrollment token, or - to read it from standard input')
    .option('--token-file <file>', 'a file that has it')
    .option('--name <name>', 'name of the agent; the name of this host unless given')
    .option(
      '--proxy <url>',
      'HTTP proxy to the coordinator, http://[user[:password]@]host:port; kept in agent.yaml (MOULT_PROXY)',
    )
    .option(
      '--proxy-password-file <file>',
      'holds the password for the proxy, readable to the agent alone',
    )
    .option(
      '--root <dir>',
      'another instance: everything of it lies under this directory (MOULT_ROOT)',
    )
    .option('--user <user>', 'who it runs as (moult, which is made; with --root whoever installs)')
    .option('--no-start', 'write the unit, start nothing')
    .option('--dry-run', 'print what would be done, and change nothing');
  withExamples(withOutput(command), [
    {
      does: 'this host, as root',
      line: 'moult agent install --coordinator https://coordinator:7400 --token - < enrollment.token',
    },
    { does: 'the unit of a newer moult over the one that is there', line: 'moult agent install' },
    {
      does: 'a second instance on this host',
      line: 'moult agent install --root /srv/web-2 --user app --name web-2 --coordinator https://coordinator:7400 --token "$TOKEN"',
    },
  ]).action(
    shell.action<InstallOptions>(async (run, options) => {
      const root = rootOf(options.root, run.invocation);
      const coordinator = options.coordinator ?? run.invocation.variable('MOULT_COORDINATOR');
      const token = await givenToken(options, run);
      const { decodeEnrollmentToken } = await import('@moult/agent/enroll');
      // A cut off one is found out before anything is done.
      if (token !== null) decodeEnrollmentToken(token);
      const { facts: common, installed } = await findAgent({
        root,
        user: options.user ?? null,
        coordinator,
        program: run.invocation.program,
      });
      const facts: AgentInstallFacts = { ...common, ...installed };
      const wish = {
        coordinator,
        name: options.name ?? null,
        hasToken: token !== null,
        isStarted: options.start,
        hostName: nameOfHost(),
      };
      const refusal = agentInstallRefusal(facts, wish);
      if (refusal !== null) throw refusal;
      const plan = agentInstallPlan(facts, wish);
      if (options.dryRun === true) {
        tellPlan(run.output, plan);
        return EXIT.ok;
      }
      const work = new FirstInstallation(run, facts, { token, ...givenProxy(options, run) });
      const { users } = facts;
      await carryOut({ plan, users, own: work, output: run.output, signal: run.stop });
      run.output.result(
        { ...work.enrolled, unit: facts.unit.path, steps: stepsOf(plan, false) },
        () => nextLines({ facts, plan, enrolled: work.enrolled, isStarted: options.start }),
      );
      return EXIT.ok;
    }),
  );
}

interface Given extends GivenProxy {
  readonly token: string | null;
}

/** Enrollment says which versions come first; where the programs alone are gone, the boot record says which were here. */
class FirstInstallation implements OwnWork {
  readonly #run: Run;
  readonly #facts: AgentInstallFacts;
  readonly #given: Given;
  #enrolled: Enrolled | null = null;

  constructor(run: Run, facts: AgentInstallFacts, given: Given) {
    this.#run = run;
    this.#facts = facts;
    this.#given = given;
  }

  get enrolled(): Enrolled | null {
    return this.#enrolled;
  }

  async enroll(step: { readonly name: string; readonly coordinator: string }): Promise<void> {
    const { enroll } = await import('@moult/agent/enroll');
    this.#enrolled = await enroll({
      ...{ coordinator: step.coordinator, name: step.name },
      ...{ ...this.#given, token: this.#given.token ?? '' },
      ...{ layout: this.#facts.layout, signal: this.#run.stop },
    });
  }

  async installVersions(): Promise<void> {
    const { layout, upgrade } = this.#facts;
    const releases = this.#enrolled?.desired ?? versionsBefore(upgrade.boot) ?? [];
    await installVersions(this.#run, layout, releases);
  }
}

function nextLines(of: {
  readonly facts: AgentInstallFacts;
  readonly plan: InstallPlan;
  readonly enrolled: Enrolled | null;
  readonly isStarted: boolean;
}): readonly string[] {
  const { facts, enrolled } = of;
  const { unit, users, root } = facts;
  const at = root === null ? '' : ` --root ${quoted(root)}`;
  const command = `moult launcher run${at}`;
  return [
    ...(changes(of.plan) ? [] : ['All of it is so already: nothing was changed.']),
    startLine({ unit, users, isStarted: of.isStarted, command }),
    `How it is: moult agent status${at}`,
    ...(enrolled?.isValidated === false
      ? [`Accept it, as an operator: moult agents validate ${enrolled.name}`]
      : []),
  ];
}
