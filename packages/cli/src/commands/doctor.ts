import { resolve } from 'node:path';
import { type DoctorCheck, notLookedAt, unitCheck } from '@moult/core/doctor';
import { CodedError } from '@moult/core/errors';
import { layoutOf } from '@moult/core/layout';
import { look } from '@moult/runtime/look';
import type { Command } from 'commander';
import { rootOf } from '../config/root.ts';
import { withExamples, withOutput } from '../describe.ts';
import { EXIT } from '../exit-codes.ts';
import type { Run, Shell } from '../shell.ts';
import { checkLines, checksWithRemedies, isAnyFailing, summaryOf } from '../terminal/check-text.ts';
import { MOULT_VERSION } from '../version.ts';

interface DoctorOptions {
  readonly root?: string;
  readonly config?: string;
  readonly deep?: boolean;
}

/** Null: there is none here. */
interface Found {
  readonly host: readonly DoctorCheck[] | null;
  readonly coordinator: readonly DoctorCheck[] | null;
}

export function addDoctor(program: Command, shell: Shell): void {
  const command = program
    .command('doctor')
    .description(
      'whether the agent and the coordinator of this machine are well, and what to do where they are not; nothing is changed',
    )
    .option('--root <dir>', 'everything lies under this directory (MOULT_ROOT)')
    .option('--config <file>', 'configuration of the coordinator (/etc/moult/coordinator.yaml)')
    .option('--deep', 'read every byte of what is otherwise only counted: databases, releases');
  withExamples(withOutput(command), [
    { does: 'this machine', line: 'moult doctor' },
    { does: 'an instance under a directory', line: 'moult doctor --root web-1' },
    { does: 'for a script: 1 where something fails', line: 'moult doctor --deep -o json' },
  ]).action(
    shell.action<DoctorOptions>(async (run, options) => {
      const root = rootOf(options.root, run.invocation);
      const found = {
        host: await lookAtHost(run, options),
        coordinator: await lookAtCoordinator(run, options),
      };
      const all = [...(found.host ?? []), ...(found.coordinator ?? [])];
      if (all.length === 0) {
        const where = root === null ? 'on this machine' : `under ${root}`;
        throw new CodedError('nothing-installed', `neither an agent nor a coordinator is ${where}`);
      }
      run.output.result(resultOf(found), () => [...linesOf(run, found), summaryOf(all)]);
      return isAnyFailing(all) ? EXIT.error : EXIT.ok;
    }),
  );
}

async function lookAtHost(run: Run, options: DoctorOptions): Promise<Found['host']> {
  const { doctorHost, isAgentThere } = await import('@moult/agent/doctor');
  const root = rootOf(options.root, run.invocation);
  const layout = layoutOf(root);
  if (!(await isAgentThere(layout))) return null;
  const checks = await doctorHost({
    layout,
    root,
    own: MOULT_VERSION,
    isDeep: options.deep === true,
    clock: run.clock,
    stop: run.stop,
    onStep: (text) => run.output.step(text),
  });
  return [...checks, ...(await lookAtUnit(root, run.stop))];
}

/** Nothing where no systemd runs. */
async function lookAtUnit(root: string | null, stop: AbortSignal): Promise<readonly DoctorCheck[]> {
  const { agentUnitHere } = await import('../install/agent-facts.ts');
  const unit = await look(() => agentUnitHere(root), stop);
  if (!unit.isFound) return [notLookedAt('unit', unit)];
  return unit.value === null ? [] : [unitCheck(unit.value)];
}

async function lookAtCoordinator(run: Run, options: DoctorOptions): Promise<Found['coordinator']> {
  const { doctorCoordinator, isCoordinatorThere } = await import('@moult/coordinator');
  const config = {
    root: rootOf(options.root, run.invocation),
    config: options.config === undefined ? null : resolve(options.config),
    environment: run.invocation.variable,
  };
  if (!(await isCoordinatorThere(config))) return null;
  return doctorCoordinator({
    config,
    isDeep: options.deep === true,
    clock: run.clock,
    stop: run.stop,
    onStep: (text, done) =>
      done === undefined ? run.output.step(text) : run.output.progress(text, done),
  });
}

function resultOf({ host, coordinator }: Found): object {
  return {
    host: host === null ? null : { checks: checksWithRemedies(host) },
    coordinator: coordinator === null ? null : { checks: checksWithRemedies(coordinator) },
  };
}

/** Titles only where there are two. */
function linesOf(run: Run, { host, coordinator }: Found): readonly string[] {
  const lines = (checks: readonly DoctorCheck[]) => checkLines(checks, run.invocation.screen);
  if (host === null || coordinator === null) return lines(host ?? coordinator ?? []);
  return [
    'The agent of this host',
    ...lines(host),
    '',
    'The coordinator',
    ...lines(coordinator),
    '',
  ];
}
