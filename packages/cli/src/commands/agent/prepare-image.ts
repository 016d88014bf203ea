import { enrollmentTokenPath, type ImageFacts, imagePlan, imageRefusal } from '@moult/core/install';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import { findAgent } from '../../install/agent-facts.ts';
import { carryOut } from '../../install/carry-out.ts';
import { stepsOf, tellPlan } from '../../install/tell.ts';
import type { Shell } from '../../shell.ts';
import { givenToken, type TokenFlags } from './token.ts';

interface PrepareOptions extends TokenFlags {
  readonly root?: string;
  readonly dryRun?: boolean;
}

export function addAgentPrepareImage(group: Command, shell: Shell): void {
  const command = group
    .command('prepare-image')
    .description(
      'make an installed, stopped host ready to be copied: its identity and state go, programs and addresses stay; each copy enrolls itself when it first boots, if it finds a token',
    )
    .option('--root <dir>', 'the instance lies under this directory (MOULT_ROOT)')
    .option(
      '--token <token>',
      'enrollment token that copies use, for many uses, or - to read it from standard input; it is left in the image',
    )
    .option('--token-file <file>', 'a file that has it')
    .option('--dry-run', 'print what would be done, and change nothing');
  withExamples(withOutput(command), [
    {
      does: 'an image whose copies enroll themselves',
      line: 'moult agent prepare-image --token - < enrollment.token',
    },
    { does: 'one whose copies get their token from elsewhere', line: 'moult agent prepare-image' },
  ]).action(
    shell.action<PrepareOptions>(async (run, options) => {
      const root = rootOf(options.root, run.invocation);
      const { program } = run.invocation;
      const token = await givenToken(options, run);
      const found = await findAgent({ root, user: null, coordinator: null, program });
      const facts: ImageFacts = { ...found.facts, ...found.installed, ...found };
      const refusal = imageRefusal(facts);
      if (refusal !== null) throw refusal;
      const { decodeEnrollmentToken, forgetInstance } = await import('@moult/agent/enroll');
      // A mistyped one would be found out by each of the copies.
      if (token !== null) decodeEnrollmentToken(token);
      const plan = imagePlan(facts, { token });
      if (options.dryRun === true) {
        tellPlan(run.output, plan);
        return EXIT.ok;
      }
      await carryOut({
        plan,
        users: facts.users,
        own: { forgetInstance: () => forgetInstance(facts.layout) },
        output: run.output,
        signal: run.stop,
      });
      run.output.result({ steps: stepsOf(plan, false) }, () => [
        'Ready to be copied. Do not start the agent here before: it would have to be enrolled again, as every copy has.',
        ...nextLines(facts, token !== null),
      ]);
      return EXIT.ok;
    }),
  );
}

function nextLines(facts: ImageFacts, hasToken: boolean): readonly string[] {
  const tokenPath = enrollmentTokenPath(facts.layout);
  const { name } = facts.enrollUnit;
  return [
    hasToken
      ? `Copies enroll themselves when they first boot (${name}), under their own host names.`
      : `Put an enrollment token into ${tokenPath} (root's, 0600) before a copy first boots, or enroll it by hand: moult agent install --token TOKEN`,
  ];
}
