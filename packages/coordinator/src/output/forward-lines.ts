/* Rows of output as lines of JSON: what a receiver of a forward reads. */
import type { ForwardedRow, ReportedRun } from '@moult/store';

/** With the newline after each. Its position tells a line from all others, also where it comes twice. */
export function linesOf(rows: readonly ForwardedRow[]): string {
  return rows.map((row) => `${JSON.stringify(lineOf(row))}\n`).join('');
}

function lineOf(row: ForwardedRow): object {
  const { position, kind, agent_name: agent, task, run, stream } = row;
  const place = { position, kind, agent, atMs: row.at_ms, receivedMs: row.received_ms };
  const content = Buffer.from(row.content);
  switch (kind) {
    case 'record':
      return { ...place, task, run, stream, ...contentOf(content) };
    case 'gap':
      return { ...place, ...JSON.parse(content.toString()) };
    case 'run':
      return { ...place, task, run, ...runOf(JSON.parse(content.toString()) as ReportedRun) };
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Most output is text; what is none must arrive unchanged too. */
function contentOf(content: Buffer): { readonly text: string } | { readonly base64: string } {
  try {
    return { text: UTF8.decode(content) };
  } catch {
    return { base64: content.toString('base64') };
  }
}

function runOf(run: ReportedRun): object {
  return {
    commandId: run.command_id === '' ? null : run.command_id,
    attempt: run.attempt,
    startedMs: run.started_ms,
    endedMs: run.ended_ms,
    outcome: run.outcome,
    code: run.code,
    message: run.message,
    exitCode: run.exit_code,
    signal: run.signal,
    outputBytes: run.output_bytes,
    droppedBytes: run.dropped_bytes,
    starts: run.starts,
  };
}
