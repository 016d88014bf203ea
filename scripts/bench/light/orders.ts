/* What the parent and the process of the light peers say to each other. */
import type { Execution } from './light-upgrades.ts';

export type Order =
  | {
      readonly kind: 'start';
      /** `upgrading`: agents that carry out upgrades. */
      readonly mode: 'agents' | 'upgrading' | 'bare';
      readonly url: string;
      /** JSON of EnrolledAgents; for agents. */
      readonly agentsPath: string;
      readonly from: number;
      readonly count: number;
      /** First tries are spread evenly over so long. */
      readonly rampMs: number;
    }
  | { readonly kind: 'status' }
  /** What the agents have carried out since they were started. */
  | { readonly kind: 'executions' }
  /** Each bare peer says so many words, connects again, and says more; so many side by side. */
  | {
      readonly kind: 'converse';
      readonly sideBySide: number;
      readonly wordsBefore: number;
      readonly wordsAfter: number;
    }
  /** Everybody asks in turn, so many side by side, for so long. */
  | { readonly kind: 'ask'; readonly sideBySide: number; readonly forMs: number }
  /** One upgrade after another, each of another agent, so many a second. */
  | {
      readonly kind: 'upgrade';
      readonly count: number;
      readonly everyMs: number;
      readonly apiUrl: string;
      readonly token: string;
      readonly version: string;
    };

export interface Status {
  readonly peers: number;
  readonly live: number;
  /** When the last of them went live, ms since 1970; null: somebody is not. */
  readonly allLiveAtMs: number | null;
  /** Goodbyes by their reasons. */
  readonly refused: Readonly<Record<string, number>>;
  readonly cpuMs: number;
}

export interface Answers {
  readonly count: number;
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
}

export interface OrderOf {
  start: null;
  status: Status;
  executions: readonly Execution[];
  /** How long it took, in ms. */
  converse: number;
  ask: Answers;
  upgrade: readonly number[];
}

export interface Asked {
  readonly id: number;
  readonly order: Order;
}

export type Told =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: string };
