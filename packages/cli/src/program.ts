/* The `moult` program: its tree of commands, and one run of it. */
import { Command } from 'commander';
import { addAgentGroup } from './commands/agent/group.ts';
import { addAgentsGroup } from './commands/agents/group.ts';
import { addCommandsGroup } from './commands/commands/group.ts';
import { addCoordinatorGroup } from './commands/coordinator/group.ts';
import { addDiagnose } from './commands/diagnose.ts';
import { addDoctor } from './commands/doctor.ts';
import { addGroupsGroup } from './commands/groups/group.ts';
import { addHistory } from './commands/history.ts';
import { addKeysGroup } from './commands/keys/group.ts';
import { addLauncherGroup } from './commands/launcher/group.ts';
import { addLogin } from './commands/login.ts';
import { addOutput } from './commands/output.ts';
import { addPrincipalsGroup } from './commands/principals/group.ts';
import { addReleaseGroup } from './commands/release/group.ts';
import { addRolloutsGroup } from './commands/rollouts/group.ts';
import { addSettingsGroup } from './commands/settings/group.ts';
import { addTasksGroup } from './commands/tasks/group.ts';
import { addTokensGroup } from './commands/tokens/group.ts';
import { addWhy } from './commands/why.ts';
import { withExamples } from './describe.ts';
import { EXIT } from './exit-codes.ts';
import { endOfHelp, tellFailure } from './failure.ts';
import { Shell, type ShellOptions } from './shell.ts';
import { flushedOrStopped } from './terminal/output.ts';
import { MOULT_VERSION } from './version.ts';

/** Runs one command line; resolves to the exit code and prints whatever went wrong. */
export async function runMoult(options: ShellOptions): Promise<number> {
  const exitCode = await exitCodeOf(options);
  // What a slow reader has not taken yet would end with the process.
  await flushedOrStopped(options.invocation.screen, options.stop);
  return exitCode;
}

async function exitCodeOf(options: ShellOptions): Promise<number> {
  const { invocation, stop } = options;
  const shell = new Shell(options);
  try {
    await createProgram(shell).parseAsync([...invocation.args], { from: 'user' });
    return stop.aborted && shell.exitCode !== EXIT.ok ? EXIT.interrupted : shell.exitCode;
  } catch (caught) {
    const ended = endOfHelp(caught);
    if (ended !== null) return ended;
    if (stop.aborted) return EXIT.interrupted;
    return tellFailure(caught, {
      screen: invocation.screen,
      isDebugging: invocation.variable('MOULT_DEBUG') === '1',
    });
  }
}

export function createProgram(shell: Shell): Command {
  const program = new Command('moult')
    .description('Keeps a fleet of host agents on the version their operators chose.')
    .version(MOULT_VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print the help of a command')
    // `release build --version V` is not the program's own --version.
    .enablePositionalOptions()
    .showSuggestionAfterError(true)
    // Errors are told in our own form, by tellFailure.
    .configureOutput({ outputError: () => undefined })
    .configureHelp({ sortSubcommands: false })
    .exitOverride();
  withExamples(program, [
    {
      does: 'a coordinator on this machine',
      line: 'moult keys init && moult coordinator init && moult coordinator serve',
    },
    { does: 'who runs what', line: 'moult agents list' },
    {
      does: 'upgrade an agent and see it through',
      line: 'moult agents upgrade web-1 --to 1.4.0 --wait',
    },
    { does: 'why an agent does not move', line: 'moult why web-1' },
    { does: 'whether this machine is well', line: 'moult doctor' },
    { does: 'run a task and see what it writes', line: 'moult tasks run web-1 backup --wait' },
  ]);
  addLogin(program, shell);
  addCoordinatorGroup(program, shell);
  addKeysGroup(program, shell);
  addReleaseGroup(program, shell);
  addPrincipalsGroup(program, shell);
  addSettingsGroup(program, shell);
  addTokensGroup(program, shell);
  addAgentGroup(program, shell);
  addLauncherGroup(program, shell);
  addAgentsGroup(program, shell);
  addRolloutsGroup(program, shell);
  addGroupsGroup(program, shell);
  addTasksGroup(program, shell);
  addOutput(program, shell);
  addCommandsGroup(program, shell);
  addHistory(program, shell);
  addWhy(program, shell);
  addDiagnose(program, shell);
  addDoctor(program, shell);
  return program;
}
