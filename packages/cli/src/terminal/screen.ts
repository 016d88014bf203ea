/** Where text goes, and what that place can show. */
export interface Screen {
  out(text: string): void;
  err(text: string): void;
  /** Whether standard error is a terminal: progress may rewrite its line. */
  readonly isLive: boolean;
  /** Width of the terminal. */
  readonly columns: number;
  readonly hasColour: boolean;
}
