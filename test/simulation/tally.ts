/*
 * How often each cell of each table, each point and each fault was met, so that a simulation that misses something
 * says so. Cells are counted where the decisions look them up.
 */
import { SUPERVISION, VERDICTS } from '@moult/core/boot';
import { TRANSITIONS } from '@moult/core/upgrade';
import { CRASHES, TROUBLES } from './faults.ts';
import { COORDINATOR_POINTS, POINTS, ROLLOUT_POINTS } from './points.ts';

type Table = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const TABLES: Readonly<Record<string, Table>> = {
  upgrade: TRANSITIONS,
  supervision: SUPERVISION,
  verdict: VERDICTS,
};

const ALL_POINTS = [...new Set([...POINTS, ...COORDINATOR_POINTS, ...ROLLOUT_POINTS])];

export const COUNTED = ['cells', 'points', 'crashes', 'faults', 'outcomes'] as const;

export type Counts = Readonly<Record<(typeof COUNTED)[number], ReadonlyMap<string, number>>>;

export class Tally implements Counts {
  readonly cells = new Map<string, number>();
  readonly points = new Map<string, number>(ALL_POINTS.map((name) => [name, 0]));
  readonly crashes = new Map<string, number>(ALL_POINTS.map((name) => [name, 0]));
  readonly faults = new Map<string, number>([...CRASHES, ...TROUBLES].map((kind) => [kind, 0]));
  readonly outcomes = new Map<string, number>();

  constructor() {
    for (const [name, table] of Object.entries(TABLES)) {
      for (const [row, cells] of Object.entries(table)) {
        for (const [column, cell] of Object.entries(cells)) {
          if (cell !== 'reject') this.cells.set(`${name}: ${row} × ${column}`, 0);
        }
      }
    }
  }

  /** What another process counted. */
  add(other: Counts): void {
    for (const name of COUNTED) {
      for (const [key, count] of other[name]) {
        this[name].set(key, (this[name].get(key) ?? 0) + count);
      }
    }
  }

  visited(point: string): void {
    const count = this.points.get(point);
    if (count !== undefined) this.points.set(point, count + 1);
  }

  crashed(point: string): void {
    raise(this.crashes, point);
  }

  struck(fault: string): void {
    raise(this.faults, fault);
  }

  ended(what: string): void {
    raise(this.outcomes, what);
  }

  cell(name: string): void {
    const count = this.cells.get(name);
    if (count !== undefined) this.cells.set(name, count + 1);
  }
}

let counting: Tally | null = null;
let isInstalled = false;

/** From here on look-ups in the tables count towards this tally. */
export function countCells(tally: Tally): void {
  counting = tally;
  if (isInstalled) return;
  isInstalled = true;
  for (const [name, table] of Object.entries(TABLES)) {
    for (const [row, cells] of Object.entries(table)) {
      const counted = new Proxy(cells, {
        get: (target, column, receiver) => {
          if (typeof column === 'string') counting?.cell(`${name}: ${row} × ${column}`);
          return Reflect.get(target, column, receiver);
        },
      });
      Reflect.set(table, row, counted);
    }
  }
}

function raise(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
