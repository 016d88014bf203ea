import { resolve } from 'node:path';
import type { DiagnosisPart } from '@moult/core/diagnosis';
import { layoutOf } from '@moult/core/layout';
import type { Command } from 'commander';
import { rootOf } from '../config/root.ts';
import { withExamples, withOutput } from '../describe.ts';
import { type DiagnosisFile, writeDiagnosis } from '../diagnosis-file.ts';
import { EXIT } from '../exit-codes.ts';
import type { Run, Shell } from '../shell.ts';
import { formatBytes } from '../terminal/format.ts';
import { MOULT_VERSION } from '../version.ts';

interface DiagnoseOptions {
  readonly root?: string;
  readonly coordinator?: boolean;
  readonly config?: string;
  readonly log?: readonly string[];
  readonly out?: string;
}

interface Diagnosis {
  /** `agent web-1`, in what is said. */
  readonly subject: string;
  readonly parts: readonly DiagnosisPart[];
}

export function addDiagnose(program: Command, shell: Shell): void {
  const command = program
    .command('diagnose')
    .description(
      'put what a bug report needs about the agent of this host, or its coordinator, into one file, without secrets; also when it is broken',
    )
    .option('--root <dir>', 'it lives under this directory (MOULT_ROOT)')
    .option('--coordinator', 'the coordinator of this machine, not the agent')
    .option('--config <file>', 'configuration of the coordinator (/etc/moult/coordinator.yaml)')
    .option('--log <file...>', 'the last lines of these files, too: where there is no journal')
    .option(
      '--out <path>',
      'a file that is not there yet, or a directory in which it is named by its time (the working directory)',
    );
  withExamples(withOutput(command), [
    { does: 'of this host, as root', line: 'moult diagnose' },
    { does: 'of the coordinator', line: 'moult diagnose --coordinator --out /tmp' },
    {
      does: 'of an instance under a directory, with its log',
      line: 'moult diagnose --root web-1 --log web-1.log',
    },
  ]).action(
    shell.action<DiagnoseOptions>(async (run, options) => {
      run.output.step('looking at everything');
      const { subject, parts } = await diagnosis(run, options);
      const file = await writeDiagnosis({
        subject,
        parts,
        out: resolve(options.out ?? '.'),
        version: MOULT_VERSION,
        nowMs: run.clock.nowMs(),
      });
      run.output.result(file, () => linesOf(file));
      return EXIT.ok;
    }),
  );
}

async function diagnosis(run: Run, options: DiagnoseOptions): Promise<Diagnosis> {
  const root = rootOf(options.root, run.invocation);
  const common = {
    version: MOULT_VERSION,
    logPaths: (options.log ?? []).map((path) => resolve(path)),
    clock: run.clock,
    stop: run.stop,
  };
  if (options.coordinator === true) {
    const { diagnoseCoordinator } = await import('@moult/coordinator');
    const configPath = options.config === undefined ? null : resolve(options.config);
    return {
      subject: 'coordinator',
      parts: await diagnoseCoordinator({ ...common, root, configPath }),
    };
  }
  const { diagnoseHost } = await import('@moult/agent/diagnosis');
  const { agentName, parts } = await diagnoseHost({ ...common, layout: layoutOf(root) });
  return { subject: agentName === null ? 'agent' : `agent ${agentName}`, parts };
}

function linesOf(file: DiagnosisFile): readonly string[] {
  const { path, bytes, parts } = file;
  const width = Math.max(...parts.map(({ name }) => name.length));
  const troubles = parts.filter(({ trouble }) => trouble !== null);
  return [
    `${path}: ${formatBytes(bytes)}, readable by you alone. In it:`,
    ...parts.map(({ name, what }) => `  ${name.padEnd(width)}  ${what}`),
    ...(troubles.length === 0 ? [] : ['Could not be had, or is not as it should be:']),
    ...troubles.map(({ name, trouble }) => `  ${name.padEnd(width)}  ${trouble}`),
    ...(troubles.some(({ trouble }) => /EACCES|EPERM|permission/i.test(trouble ?? ''))
      ? ['As root you get what this user may not read.']
      : []),
    'Keys, tokens, passwords, values of tasks and output are left out. Names of hosts, users, directories, agents and tasks are in it,',
    `and whatever else programs wrote to the log. Look through it before you send it: tar -xzOf '${path}' | less`,
  ];
}
