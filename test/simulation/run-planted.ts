// The process in which one planted defect is looked for (planted.test.ts): `LIVES FIRST-SEED COUNT`, after `--import` of plant.ts.
// It lives by itself: a process beside it would load everything once more.

import { LIVES, runSeeds, seedsFrom } from './run.ts';

const [livesOf, first, count] = process.argv.slice(2);
const lives = LIVES.find((name) => name === livesOf);
if (lives === undefined) throw new Error(`no lives are called ${livesOf}`);
const seeds = seedsFrom(Number(first), Number(count));
const say = (line: string) => process.stdout.write(`${line}\n`);
const { failures } = await runSeeds({ seeds, lives, failuresMax: 1, say });
process.exitCode = failures.length > 0 ? 1 : 0;
