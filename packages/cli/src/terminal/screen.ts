/** Where text goes, and what that place can show. */
export interface Screen {
  out(text: string): void;
  err(text: string): void;
  /** Bytes as they are, where no terminal could obey them. */
  outBytes(bytes: Uint8Array): void;
  errBytes(bytes: Uint8Array): void;
  /** Resolves when all of it has left this process: a pipe takes no more than its reader leaves room for. */
  flushed(): Promise<void>;
  readonly isOutTerminal: boolean;
  readonly isErrTerminal: boolean;
  /** Whether nobody reads standard output any more: `| head` has seen enough. */
  isOutGone(): boolean;
  /** Whether standard error is a terminal: progress may rewrite its line. */
  readonly isLive: boolean;
  /** Width of the terminal. */
  readonly columns: number;
  /** Its height. */
  readonly rows: number;
  readonly hasColour: boolean;
}
