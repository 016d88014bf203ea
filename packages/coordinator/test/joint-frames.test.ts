import { type AgentFrame, encodeAgentFrame } from '@moult/protocol';
import { silentLogger } from '@moult/runtime/logger';
import { systemRandom } from '@moult/runtime/random';
import { expect, test } from 'vitest';
import { ManualClock, settle } from '../../../test/support/manual-clock.ts';
import { Session } from '../src/gateway/session.ts';
import { TimerWheel } from '../src/gateway/timer-wheel.ts';
import { MemoryCarrier } from './support/memory-carrier.ts';

const ABOUT = { commandId: 'c', attempt: 1 };
const ACCEPT: AgentFrame = { kind: 'accept', message: ABOUT };
const PROGRESS: AgentFrame = {
  kind: 'progress',
  message: { ...ABOUT, step: 'running', detail: '', bytesDone: 0, bytesTotal: 0, holdReason: '' },
};
const OUTPUT: AgentFrame = {
  kind: 'output',
  message: { epoch: 'e', firstSequence: 1, items: [] },
};
const CHECK: AgentFrame = { kind: 'check', message: { isFirst: false } };

/** A live session whose owner answers when the test says so. */
function opened() {
  const begun: string[] = [];
  const waiting: ((error?: Error) => void)[] = [];
  const carrier = new MemoryCarrier();
  const clock = new ManualClock();
  const session = new Session(
    {
      ...{
        clock,
        random: systemRandom,
        log: silentLogger,
        wheel: new TimerWheel(clock.monotonicMs()),
      },
      onFrame: (_session, { kind }) => {
        begun.push(kind);
        return new Promise((resolve, reject) => {
          waiting.push((error) => (error === undefined ? resolve() : reject(error)));
        });
      },
      onEnded: () => undefined,
    },
    carrier,
  );
  session.phase = 'live';
  const say = (...frames: readonly AgentFrame[]) => {
    for (const frame of frames) carrier.deliver(encodeAgentFrame(frame));
  };
  const answerAll = async (error?: Error) => {
    for (const answer of waiting.splice(0)) answer(error);
    await settle();
  };
  return { begun, say, answerAll, session };
}

test('S7: what is said of commands shares a commit, with one batch of output behind it; all else waits its turn', async () => {
  const { begun, say, answerAll } = opened();
  say(CHECK, ACCEPT, PROGRESS, ACCEPT, OUTPUT, OUTPUT, ACCEPT, CHECK);
  expect(begun).toEqual(['check']);
  await answerAll();
  expect(begun.splice(0)).toEqual(['check', 'accept', 'progress', 'accept', 'output']);
  await answerAll();
  expect(begun.splice(0)).toEqual(['output']);
  await answerAll();
  expect(begun.splice(0)).toEqual(['accept']);
  await answerAll();
  expect(begun.splice(0)).toEqual(['check']);
});

test('S7 C14: a batch of output that could not be stored ends the session, and none behind it is stored', async () => {
  const { begun, say, answerAll, session } = opened();
  say(OUTPUT, OUTPUT);
  await answerAll(new Error('the disk is full'));
  expect(begun).toEqual(['output']);
  expect(session.phase).toBe('closed');
});
