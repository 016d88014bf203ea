import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { layoutOf } from '@moult/core/layout';
import { describe, expect, test } from 'vitest';
import { moment } from '../../../test/support/moment.ts';
import { installed, type Started, spawned, start, when } from './support/agent-process.ts';
import { ModelCoordinator } from './support/model-coordinator.ts';

/** Lines that a program sends before it waits for answers. */
const UNANSWERED_MAX = 200;

/** A program that hands in one number after the other, and none of them twice. */
class Counting {
  readonly answered: number[] = [];
  next = 1;
  #sent: number[] = [];
  #socket: Socket | null = null;

  /** To the next agent: the connection with the one before has ended, which is seen some time after it was killed. */
  async connect(path: string): Promise<void> {
    await when(() => this.#socket === null);
    while (this.#socket === null) {
      const socket = connect(path);
      const isOpen = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => resolve(true));
        socket.once('error', () => resolve(false));
      });
      if (isOpen) this.#serve(socket);
      else await moment();
    }
  }

  #serve(socket: Socket): void {
    this.#socket = socket;
    let read = '';
    socket.on('data', (chunk) => {
      const lines = `${read}${chunk}`.split('\n');
      read = lines.pop() ?? '';
      for (const line of lines) {
        expect(line).toBe('{"ok":true}');
        this.answered.push(this.#sent.shift() ?? 0);
      }
      this.#send(socket);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      // Nobody knows of these.
      this.#sent = [];
      this.#socket = null;
    });
    this.#send(socket);
  }

  #send(socket: Socket): void {
    let text = '';
    for (; this.#sent.length < UNANSWERED_MAX; this.next++) {
      text += `{"stream":"numbers","content":"${this.next}"}\n`;
      this.#sent.push(this.next);
    }
    socket.write(text);
  }

  close(): void {
    this.#socket?.destroy();
  }
}

function begin(root: string): Started {
  const agent = start(['run', '--root', root]);
  spawned(agent);
  return agent;
}

describe('output through the real process', () => {
  test('Q1, Q2, Q9: what was answered arrives once and in order, though the agent is killed and the session lost again and again', async () => {
    const { root, coordinator } = await installed(null);
    coordinator.output = new ModelCoordinator();
    const { outputSocketPath } = layoutOf(root);
    const program = new Counting();
    let agent = begin(root);
    for (let round = 0; round < 6; round++) {
      await program.connect(outputSocketPath);
      const goal = program.answered.length + 2_000;
      await when(() => program.answered.length >= goal - 1_000);
      for (const { socket } of coordinator.peers) socket.terminate();
      await when(() => program.answered.length >= goal);
      agent.child.kill('SIGKILL');
      await agent.exit;
      expect(existsSync(outputSocketPath)).toBe(true);
      agent = begin(root);
    }
    program.close();
    const last = program.answered.at(-1) ?? 0;
    const { stored } = coordinator.output;
    const numbers = () =>
      stored.map(({ item }) =>
        item.item === 'record' ? Number(Buffer.from(item.record.content).toString()) : -1,
      );
    // Or one that was kept and whose answer the kill cut off: more than was answered can be there, never less.
    await when(() => (numbers().at(-1) ?? 0) >= last || agent.child.exitCode !== null);
    const got = numbers();
    expect(got).toEqual([...new Set(got)].sort((a, b) => a - b));
    const kept = new Set(got);
    expect(program.answered.filter((number) => !kept.has(number))).toEqual([]);
    agent.pipe.write(`${JSON.stringify({ kind: 'stop', graceMs: 5_000 })}\n`);
    expect(await agent.exit).toBe(0);
    expect(existsSync(outputSocketPath)).toBe(false);
  });
});
