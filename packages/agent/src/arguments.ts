import { parseArgs } from 'node:util';
import { CodedError } from '@moult/core/errors';
import { nearestOf } from '@moult/core/nearest';
import { AGENT_CONFIG } from './config/agent-config.ts';

export type AgentArguments =
  | { readonly kind: 'version' }
  | {
      readonly kind: 'run' | 'probe' | 'rehearse';
      /** Null: the paths of a system-wide installation. */
      readonly root: string | null;
      /** Keys of the configuration that the command line gave, by name. */
      readonly flags: Readonly<Record<string, string>>;
    };

const USAGE =
  'agent run --root DIR|system [--KEY VALUE], agent --probe|--rehearse --root DIR|system, agent --version';

/** Throws `usage`. */
export function parseArguments(argv: readonly string[]): AgentArguments {
  const names = new Map(Object.keys(AGENT_CONFIG).map((key) => [flagOf(key), key]));
  const flagOptions = [...names.keys()].map((flag) => [flag, { type: 'string' as const }]);
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        ...Object.fromEntries(flagOptions),
        root: { type: 'string' },
        probe: { type: 'boolean' },
        rehearse: { type: 'boolean' },
        version: { type: 'boolean' },
      },
    });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const unknown = /'--([^'=]+)/.exec(message)?.[1] ?? '';
    const nearest = nearestOf(unknown, [...names.keys(), 'root', 'probe', 'rehearse', 'version']);
    const hint = nearest === null ? '' : ` Did you mean --${nearest}?`;
    throw new CodedError('usage', `${message.split('. ')[0]}.${hint}`, { remedy: USAGE, cause });
  }
  const { values, positionals } = parsed;
  if (values['version'] === true) return { kind: 'version' };
  const kind =
    values['rehearse'] === true ? 'rehearse' : values['probe'] === true ? 'probe' : 'run';
  const isKnown = kind === 'run' ? positionals.join(' ') === 'run' : positionals.length === 0;
  if (!isKnown) {
    throw new CodedError('usage', `not a command: ${positionals.join(' ') || '(none)'}`, {
      remedy: USAGE,
    });
  }
  const flags: Record<string, string> = {};
  for (const [flag, key] of names) {
    const value = values[flag];
    if (typeof value === 'string') flags[key] = value;
  }
  const root = values['root'];
  return { kind, root: typeof root === 'string' && root !== 'system' ? root : null, flags };
}

function flagOf(key: string): string {
  return key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('.', '-')
    .toLowerCase();
}
