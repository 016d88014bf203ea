/* How waves, shares and soaks are written by people: `1,10%,rest`, `5%`, `10m`. Null: it is not of that form. */
import { durationMsOf } from '../task/quantities.ts';
import { type FailuresAllowed, SOAK_MS_MAX, type WaveSize, waveTroubles } from './spec.ts';

const PERCENT = /^(\d{1,3}(?:\.\d{1,6})?) ?%$/;
const COUNT = /^\d{1,15}$/;
const UNITS_MS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

export function readWaves(text: string): readonly WaveSize[] | null {
  const waves: WaveSize[] = [];
  for (const part of text.split(',')) {
    const wave = readWave(part.trim());
    if (wave === null) return null;
    waves.push(wave);
  }
  return waveTroubles(waves).length === 0 ? waves : null;
}

/** One of them; its number is not judged. */
export function readWave(text: string): WaveSize | null {
  if (text === 'rest') return { kind: 'rest' };
  if (COUNT.test(text)) return { kind: 'count', count: Number(text) };
  const percent = percentOf(text);
  return percent === null ? null : { kind: 'percent', percent };
}

export function wavesText(waves: readonly WaveSize[]): string {
  return waves.map(waveText).join(',');
}

export function waveText(size: WaveSize): string {
  if (size.kind === 'count') return String(size.count);
  return size.kind === 'percent' ? `${size.percent}%` : 'rest';
}

/** `90%` → 0.9. */
export function readShare(text: string): number | null {
  const percent = percentOf(text);
  return percent !== null && percent <= 100 ? percent / 100 : null;
}

/** A share as it was written: 0.07 * 100 is not 7. */
export function percentText(share: number): string {
  return `${Number((share * 100).toFixed(6))}%`;
}

/** `0`, `3`, `5%`, `5%/20`. */
export function readFailuresAllowed(text: string): FailuresAllowed | null {
  if (COUNT.test(text)) return { kind: 'count', max: Number(text) };
  const [share = '', sample = '1', ...more] = text.split('/');
  const max = readShare(share);
  if (max === null || !COUNT.test(sample) || Number(sample) === 0 || more.length > 0) return null;
  return { kind: 'share', max, minimumSample: Number(sample) };
}

export function failuresAllowedText(allowed: FailuresAllowed): string {
  if (allowed.kind === 'count') return String(allowed.max);
  const { max, minimumSample } = allowed;
  return minimumSample === 1 ? percentText(max) : `${percentText(max)}/${minimumSample}`;
}

export function readSoakMs(text: string): number | null {
  if (text === '0') return 0;
  const soakMs = durationMsOf(text);
  return soakMs !== null && soakMs <= SOAK_MS_MAX ? soakMs : null;
}

/** In the largest unit that leaves nothing over. */
export function soakText(ms: number): string {
  if (ms === 0) return '0';
  const [unit, size] = UNITS_MS.find(([, one]) => ms % one === 0) ?? ['s', 1_000];
  return `${ms / size}${unit}`;
}

function percentOf(text: string): number | null {
  const [, amount] = PERCENT.exec(text) ?? [];
  return amount === undefined ? null : Number(amount);
}
