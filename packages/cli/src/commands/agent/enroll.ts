import type { Enrolled } from '@moult/agent/enroll';
import { CodedError } from '@moult/core/errors';
import { layoutOf } from '@moult/core/layout';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import { installVersions, nameOfHost } from '../../install/first-versions.ts';
import type { Run, Shell } from '../../shell.ts';
import { givenProxy } from './proxy.ts';
import { enrollmentTokenOf } from './token.ts';

interface EnrollOptions {
  readonly coordinator?: string;
  readonly token?: string;
  readonly name?: string;
  readonly proxy?: string;
  readonly proxyPasswordFile?: string;
  readonly root?: string;
  readonly install: boolean;
}

export function addAgentEnroll(group: Command, shell: Shell): void {
  const command = group
    .command('enroll')
    .description(
      'enroll this host with a token, and install agent and launcher for the first time; may be repeated',
    )
    .option('--coordinator <url>', 'address of the coordinator (MOULT_COORDINATOR)')
    .option('--token <token>', 'enrollment token, or - to read it from standard input')
    .option('--name <name>', 'name of the agent; the name of this host unless given')
    .option(
      '--proxy <url>',
      'HTTP proxy to the coordinator, http://[user[:password]@]host:port; kept in agent.yaml (MOULT_PROXY)',
    )
    .option(
      '--proxy-password-file <file>',
      'holds the password for the proxy, readable to the agent alone',
    )
    .option('--root <dir>', 'everything of this instance lies under this directory (MOULT_ROOT)')
    .option('--no-install', 'enroll only');
  withExamples(withOutput(command), [
    {
      does: 'this host',
      line: 'moult agent enroll --coordinator https://coordinator:7400 --token - < enrollment.token',
    },
    {
      does: 'an instance under a directory, for trying out',
      line: 'moult agent enroll --root web-1 --name web-1 --coordinator https://127.0.0.1:7400 --token "$TOKEN"',
    },
  ]).action(
    shell.action<EnrollOptions>(async (run, options) => {
      const { enroll } = await import('@moult/agent/enroll');
      const root = rootOf(options.root, run.invocation);
      const layout = layoutOf(root);
      const name = options.name ?? nameOfHost();
      run.output.step(`enrolling ${name}`);
      const enrolled = await enroll({
        coordinator: coordinatorOf(options, run),
        token: await enrollmentTokenOf(options.token, run),
        name,
        layout,
        ...givenProxy(options, run),
        signal: run.stop,
      });
      run.output.stepDone(
        `${enrolled.name} is enrolled in group ${enrolled.group}, ${enrolled.isValidated ? 'validated' : 'not validated yet'}`,
      );
      const slots = options.install ? await installVersions(run, layout, enrolled.desired) : null;
      run.output.result({ ...enrolled, slots }, () =>
        nextLines({ enrolled, root, isInstalled: slots !== null }),
      );
      return EXIT.ok;
    }),
  );
}

function nextLines(state: {
  readonly enrolled: Enrolled;
  readonly root: string | null;
  readonly isInstalled: boolean;
}): readonly string[] {
  const { enrolled, root, isInstalled } = state;
  const lines: string[] = [];
  if (isInstalled)
    lines.push(`Start it: moult launcher run${root === null ? '' : ` --root '${root}'`}`);
  if (!enrolled.isValidated)
    lines.push(`Accept it, as an operator: moult agents validate ${enrolled.name}`);
  return lines;
}

function coordinatorOf(options: EnrollOptions, run: Run): string {
  const given = options.coordinator ?? run.invocation.variable('MOULT_COORDINATOR');
  if (given !== null) return given;
  throw new CodedError('usage', 'no coordinator was named', {
    remedy: 'Give --coordinator https://host:port.',
  });
}
