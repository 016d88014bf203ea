// Where one demo lives: `.moult-demo-<n>` in the checkout, the first number that nobody has. What a demo that was
// killed left behind is removed by the next one: its processes ended when its pipes closed.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTimeOf } from '@moult/core/boot';

const PREFIX = '.moult-demo-';
const PID_NAME = 'demo.pid';
/** So many demos beside each other are a mistake. */
const ROOTS_MAX = 50;

export interface DemoRoot {
  readonly dir: string;
  /** From 1 on; no other demo of this checkout has it now. */
  readonly number: number;
  remove(): void;
}

export function takeDemoRoot(checkoutDir: string): DemoRoot {
  removeLeftovers(checkoutDir);
  for (let number = 1; number <= ROOTS_MAX; number += 1) {
    const dir = join(checkoutDir, `${PREFIX}${number}`);
    try {
      mkdirSync(dir, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw error;
    }
    writeFileSync(join(dir, PID_NAME), `${process.pid} ${startTimeOfPid(process.pid) ?? ''}\n`);
    return {
      dir,
      number,
      remove: () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }),
    };
  }
  throw new Error(`there are ${ROOTS_MAX} demos in ${checkoutDir} already`);
}

function removeLeftovers(checkoutDir: string): void {
  for (const name of readdirSync(checkoutDir).filter((entry) => entry.startsWith(PREFIX))) {
    const dir = join(checkoutDir, name);
    if (isOwned(dir)) continue;
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A process id may be used again: with its start time it is one process. */
function isOwned(dir: string): boolean {
  let text: string;
  try {
    text = readFileSync(join(dir, PID_NAME), 'utf8').trim();
  } catch {
    // Just being made by somebody else, or none of ours.
    return true;
  }
  const [pid = '', startTime = ''] = text.split(' ');
  return startTimeOfPid(Number(pid)) === startTime;
}

/** Null: there is no such process. */
function startTimeOfPid(pid: number): string | null {
  try {
    return startTimeOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return null;
  }
}
