/* How waves and shares are written on the command line: `1,10%,rest`, `5%`. */
import {
  DEFAULT_SPEC,
  readShare,
  readWave,
  specTroubles,
  type WaveSize,
} from '@moult/core/rollout';
import { InvalidArgumentError } from 'commander';

/** `1,10%,rest`; throws where core would refuse them. */
export function wavesOf(text: string): WaveSize[] {
  const waves = text.split(',').map((part) => waveOf(part.trim()));
  const [trouble] = specTroubles({ ...DEFAULT_SPEC, component: 'agent', version: '0.0.0', waves });
  if (trouble !== undefined) throw new InvalidArgumentError(`${sentence(trouble)} ${EXAMPLE}`);
  return waves;
}

/** `90%` → 0.9. */
export function shareOf(text: string): number {
  const share = readShare(text);
  if (share !== null) return share;
  throw new InvalidArgumentError('Give a share of 0% to 100%, such as 5% or 99.5%.');
}

const EXAMPLE = 'Give sizes with the rest at the end, such as 1,10%,rest.';

function waveOf(part: string): WaveSize {
  const wave = readWave(part);
  if (wave !== null) return wave;
  throw new InvalidArgumentError(
    `${part === '' ? 'A wave is missing' : `${part} is no wave`}. ${EXAMPLE}`,
  );
}

function sentence(trouble: string): string {
  return `${trouble.charAt(0).toUpperCase()}${trouble.slice(1)}.`;
}
