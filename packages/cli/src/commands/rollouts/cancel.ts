import type { ResponseOf } from '@moult/api/client';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { nowText } from './act.ts';

interface CancelOptions {
  readonly why?: string;
}

type Answer = ResponseOf<'cancelRollout'>['agents'][number]['answer'];

const TEXTS: Readonly<Record<Answer, string>> = {
  stopped: 'stopped; it keeps its version',
  'too-late': 'too late: it may switch already, and ends by itself',
  done: 'done before: it has the new version',
  over: 'over before, without the new version',
};

const ORDER: readonly Answer[] = ['too-late', 'stopped', 'done', 'over'];

export function addRolloutsCancel(group: Command, shell: Shell): void {
  const command = group
    .command('cancel')
    .description(
      'end a rollout: whoever has no permission for the switch keeps its version; says of each agent whether that came too late',
    )
    .argument('<rollout>', 'its name or id')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'one of them', line: 'moult rollouts cancel spring --why "wrong version"' },
  ]).action(
    shell.action<CancelOptions, [string]>(async (run, { why }, [name]) => {
      const client = await run.connect();
      const request = { params: { rollout: name }, body: { why }, signal: run.stop };
      const answer = await client.cancelRollout(request);
      run.output.result(answer, () => [
        ...ORDER.flatMap((kind) => answer.agents.filter((one) => one.answer === kind)).map(
          (one) => `${one.agent}: ${TEXTS[one.answer]}`,
        ),
        nowText(answer.rollout, run.clock.nowMs()),
      ]);
      return EXIT.ok;
    }),
  );
}
