/* What the parent and the process of the light peers say to each other. */

export type Order =
  | {
      readonly kind: 'start';
      readonly mode: 'agents' | 'bare';
      readonly url: string;
      /** JSON list of LightAgentFacts; for agents. */
      readonly agentsPath: string;
      readonly from: number;
      readonly count: number;
      /** First tries are spread evenly over so long. */
      readonly rampMs: number;
    }
  | { readonly kind: 'status' }
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
