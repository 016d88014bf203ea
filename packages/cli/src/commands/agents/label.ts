import { CodedError } from '@moult/core/errors';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { pointingAt, SELECTOR_HELP, targetOf } from '../../targets.ts';
import { labelsText } from './agent-text.ts';
import { isLoneRefusal, type Many, manyLines, requireAllDone } from './many.ts';

interface LabelOptions {
  readonly set?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
  readonly why?: string;
}

const LABEL = /^([^=]+)=(.+)$/s;

export function addAgentsLabel(group: Command, shell: Shell): void {
  const command = group
    .command('label')
    .description(
      'give agents labels to select them by (label.NAME); they go before those of a host’s configuration',
    )
    .argument('<agent...>', `names of agents, or ${SELECTOR_HELP}`)
    .addOption(
      new Option('--set <name=value>', 'a label; more than once for more').argParser(setOf),
    )
    .addOption(
      new Option('--remove <name>', 'take away a label that was given here').argParser(removeOf),
    )
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'databases', line: 'moult agents label db-1 db-2 --set role=db --set tier=1' },
    { does: 'not any more', line: 'moult agents label "label.tier=1" --remove tier' },
    { does: 'then', line: 'moult rollouts plan "label.role=db" --to 2.1.0' },
  ]).action(
    shell.action<LabelOptions, [string[]]>(async (run, { set, remove, why }, [given]) => {
      if (set === undefined && remove === undefined) {
        throw new CodedError('usage', 'give --set NAME=VALUE, or --remove NAME');
      }
      const target = targetOf(given);
      const body = { ...target, set: { ...set }, remove: [...(remove ?? [])], why };
      const client = await run.connect();
      const answer = await pointingAt(run, target, () =>
        client.labelAgents({ body, signal: run.stop }),
      );
      const done = answer.labelled.map(
        ({ agent, labels }) => `${agent}: ${labelsText(labels) || 'no label of operators'}`,
      );
      const many: Many = { ends: answer, done, verb: 'labelled' };
      if (!isLoneRefusal(many)) run.output.result(answer, () => manyLines(many));
      await requireAllDone(many, 'Run the same command again: it harms nobody.');
      return EXIT.ok;
    }),
  );
}

/** Wrong names and values are the coordinator's to refuse, in words of its own. */
function setOf(text: string, before: Readonly<Record<string, string>> = {}) {
  const [, name, value] = LABEL.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError('a label is NAME=VALUE, such as role=db');
  }
  return { ...before, [name]: value };
}

function removeOf(text: string, before: readonly string[] = []) {
  return [...before, text];
}
