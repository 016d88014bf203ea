import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FRAME_BYTES_MAX, HTTPS_BODY_FRAMES_MAX, joinFrames, splitFrames } from '../src/index.ts';

test('a body of frames is read for ever as it was first written', () => {
  const body = Buffer.from(`0001aa02bbccac02${'dd'.repeat(300)}`, 'hex');
  const frames = [[], [0xaa], [0xbb, 0xcc], new Array(300).fill(0xdd)];
  expect(splitFrames(body)?.map((frame) => [...frame])).toEqual(frames);
  expect(joinFrames(frames.map((bytes) => Uint8Array.from(bytes)))).toEqual(new Uint8Array(body));
});

test('what is joined is split into the same frames', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 }), (frames) => {
      expect(splitFrames(joinFrames(frames))).toEqual(frames);
    }),
  );
});

test('any bytes are split into frames, or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const frames = splitFrames(bytes);
      const size = frames?.reduce((sum, frame) => sum + frame.length, 0) ?? 0;
      expect(size).toBeLessThanOrEqual(bytes.length);
    }),
  );
});

test('more, and larger, frames than may be are refused', () => {
  const many = new Array(HTTPS_BODY_FRAMES_MAX).fill(Uint8Array.of(1));
  expect(splitFrames(joinFrames(many))).toHaveLength(HTTPS_BODY_FRAMES_MAX);
  expect(splitFrames(joinFrames([...many, Uint8Array.of(1)]))).toBeNull();
  expect(splitFrames(joinFrames([new Uint8Array(FRAME_BYTES_MAX)]))).toHaveLength(1);
  expect(splitFrames(joinFrames([new Uint8Array(FRAME_BYTES_MAX + 1)]))).toBeNull();
  expect(splitFrames(Uint8Array.of(2, 1))).toBeNull();
  expect(splitFrames(Uint8Array.of(0x80))).toBeNull();
});
