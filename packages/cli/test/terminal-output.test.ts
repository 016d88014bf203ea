import { describe, expect, it } from 'vitest';
import { Output } from '../src/terminal/output.ts';
import type { Screen } from '../src/terminal/screen.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** All that both streams were given, in its order. */
function screenOf(isTerminal: boolean): { readonly screen: Screen; readonly shown: () => string } {
  let text = '';
  const add = (part: string | Uint8Array) => {
    text += typeof part === 'string' ? part : Buffer.from(part).toString();
  };
  return {
    shown: () => text,
    screen: {
      ...{ out: add, err: add, outBytes: add, errBytes: add },
      ...{ isOutTerminal: isTerminal, isErrTerminal: isTerminal, isLive: isTerminal },
      ...{ columns: 80, rows: 24, hasColour: false, isOutGone: () => false },
      flushed: () => Promise.resolve(),
    },
  };
}

function outputOn(screen: Screen): Output {
  return new Output({ screen, isJson: false, isQuiet: false });
}

describe('what a program of a host wrote', () => {
  it('comes to a terminal without anything that it obeys, and as it is to everything else (T19)', () => {
    const written = '\u001b]0;owned\u0007one\ttwo\r\n\u001b[2Jthree\n';
    const terminal = screenOf(true);
    outputOn(terminal.screen).written('out', bytes(written));
    expect(terminal.shown()).toBe('one\ttwo\nthree\n');
    const pipe = screenOf(false);
    outputOn(pipe.screen).written('out', bytes(written));
    expect(pipe.shown()).toBe(written);
  });

  it('is put together where a letter comes in two pieces', () => {
    const { screen, shown } = screenOf(true);
    const output = outputOn(screen);
    const grin = bytes('🙂\n');
    output.written('out', grin.subarray(0, 2));
    output.written('out', grin.subarray(2));
    expect(shown()).toBe('🙂\n');
  });

  it('is not overwritten by the live line, and what is said after it begins a line of its own', () => {
    const { screen, shown } = screenOf(true);
    const output = outputOn(screen);
    output.step('web-1: running');
    output.written('out', bytes('50 %'));
    output.step('web-1: running');
    output.written('out', bytes(', 100 %'));
    output.stepDone('web-1: done');
    const live = '\r\u001b[2Kweb-1: running\r\u001b[2K';
    expect(shown()).toBe(`${live}50 %, 100 %\nweb-1: done\n`);
  });

  it('leaves a clean line to whatever comes after the program', () => {
    const { screen, shown } = screenOf(true);
    const output = outputOn(screen);
    output.step('web-1: queued');
    output.end();
    expect(shown().endsWith('\r\u001b[2K')).toBe(true);
  });
});

describe('a frame', () => {
  const OTHER = '\u001b[?1049h';
  const FIRST = '\u001b[?1049l';
  const HOME = '\u001b[H';
  const RIGHT = '\u001b[K';
  const BELOW = '\u001b[J';
  const LINE = '\r\u001b[2K';

  it('takes the place of the one before on a screen of its own, and an empty one leaves that', () => {
    const { screen, shown } = screenOf(true);
    const output = outputOn(screen);
    output.frame(['one', 'two']);
    output.frame(['three']);
    output.frame([]);
    output.frame([]);
    expect(shown()).toBe(
      `${OTHER}${HOME}one${RIGHT}\ntwo${RIGHT}\n${BELOW}${HOME}three${RIGHT}\n${BELOW}${FIRST}`,
    );
  });

  it('is cut to the screen, and holds nothing that a terminal obeys (T19)', () => {
    const { screen, shown } = screenOf(true);
    outputOn({ ...screen, columns: 5, rows: 3 }).frame(['\u001b[2Jlonger', 'b', 'c', 'd']);
    expect(shown()).toBe(`${OTHER}${HOME}long${RIGHT}\nb${RIGHT}\n${BELOW}`);
  });

  it('leaves its screen for what is to stay', () => {
    const { screen, shown } = screenOf(true);
    const output = outputOn(screen);
    output.frame(['one']);
    output.notice('a word');
    output.frame(['two']);
    output.end();
    expect(shown()).toBe(
      `${OTHER}${HOME}one${RIGHT}\n${BELOW}${FIRST}a word\n${OTHER}${HOME}two${RIGHT}\n${BELOW}${FIRST}`,
    );
  });

  it('goes over a step that was shown below it', () => {
    const { screen, shown } = screenOf(true);
    const output = outputOn(screen);
    output.frame(['one']);
    output.step('cannot be asked');
    output.frame(['two']);
    expect(shown()).toBe(
      `${OTHER}${HOME}one${RIGHT}\n${BELOW}${LINE}cannot be asked${LINE}${HOME}two${RIGHT}\n${BELOW}`,
    );
  });

  it('is not shown where nothing can be redrawn', () => {
    const { screen, shown } = screenOf(false);
    const output = outputOn(screen);
    expect(output.frameSize).toBeNull();
    output.frame(['one']);
    expect(shown()).toBe('');
  });
});
