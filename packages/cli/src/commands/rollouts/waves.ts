/* How waves and shares are written on the command line: `1,10%,rest`, `5%`. */
import { DEFAULT_SPEC, specTroubles, type WaveSize } from '@moult/core/rollout';
import { InvalidArgumentError } from 'commander';

const PERCENT = /^(\d{1,3}(?:\.\d{1,6})?) ?%$/;
const COUNT = /^\d{1,15}$/;

/** `1,10%,rest`; throws where core would refuse them. */
export function wavesOf(text: string): WaveSize[] {
  const waves = text.split(',').map((part) => waveOf(part.trim()));
  const [trouble] = specTroubles({ ...DEFAULT_SPEC, component: 'agent', version: '0.0.0', waves });
  if (trouble !== undefined) throw new InvalidArgumentError(`${sentence(trouble)} ${EXAMPLE}`);
  return waves;
}

/** `90%` → 0.9. */
export function shareOf(text: string): number {
  const percent = percentOf(text);
  if (percent !== null && percent <= 100) return percent / 100;
  throw new InvalidArgumentError('Give a share of 0% to 100%, such as 5% or 99.5%.');
}

const EXAMPLE = 'Give sizes with the rest at the end, such as 1,10%,rest.';

function waveOf(part: string): WaveSize {
  if (part === 'rest') return { kind: 'rest' };
  if (COUNT.test(part)) return { kind: 'count', count: Number(part) };
  const percent = percentOf(part);
  if (percent !== null) return { kind: 'percent', percent };
  throw new InvalidArgumentError(
    `${part === '' ? 'A wave is missing' : `${part} is no wave`}. ${EXAMPLE}`,
  );
}

function percentOf(text: string): number | null {
  const [, amount] = PERCENT.exec(text) ?? [];
  return amount === undefined ? null : Number(amount);
}

function sentence(trouble: string): string {
  return `${trouble.charAt(0).toUpperCase()}${trouble.slice(1)}.`;
}
