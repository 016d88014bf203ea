import { CodedError } from '@moult/core/errors';
import { ROLES, type Role } from '@moult/core/permission';
import type { Command } from 'commander';
import {
  choice,
  durationMs,
  wholeNumber,
  withConnection,
  withExamples,
  withOutput,
} from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Run, Shell } from '../../shell.ts';
import { formatTime } from '../../terminal/format.ts';

interface CreateOptions {
  readonly uses?: number;
  readonly ttl?: number;
  readonly group?: string;
  readonly validate?: boolean;
  readonly replaces?: string;
  readonly role?: Role;
  readonly principal?: string;
  readonly why?: string;
}

export function addTokensCreate(group: Command, shell: Shell): void {
  const command = group
    .command('create')
    .description(
      'make a token and print it, this once: for enrolling agents, or with --principal for people and scripts',
    )
    .option('--uses <count>', 'how many agents may enroll with it (1)', wholeNumber)
    .option(
      '--ttl <duration>',
      'how long it is good (enrollment: 1h; access: for ever)',
      durationMs,
    )
    .option('--group <group>', 'group of the agents that enroll with it (default)')
    .option('--validate', 'agents that enroll with it are validated at once')
    .option('--replaces <agent>', 'for its host made anew: it keeps name, group and history')
    .option('--principal <name>', 'make an access token of this principal, with its role')
    .addOption(
      choice(
        '--role <role>',
        'make the principal, where it is not there yet, with this role',
        ROLES,
      ),
    )
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'enroll one agent within the hour', line: 'moult tokens create' },
    {
      does: 'a rack of twenty',
      line: 'moult tokens create --uses 20 --ttl 2h --group web --validate',
    },
    { does: 'a host that was made anew', line: 'moult tokens create --replaces web-1 --validate' },
    { does: 'another one for a script', line: 'moult tokens create --principal deploy --ttl 90d' },
    { does: 'into a file', line: 'moult tokens create -q > enrollment.token' },
  ]).action(
    shell.action<CreateOptions>(async (run, options) => {
      const client = await run.connect();
      const answer = await client.createToken({ body: bodyOf(options), signal: run.stop });
      const { token, text } = answer;
      run.output.notice(
        token.kind === 'enrollment'
          ? `Enrollment token ${token.id}: ${token.usesLeft} to enroll, until ${formatTime(token.expiresMs)}, ${token.validates ? 'validated at once' : 'to be validated by hand'}.`
          : `Access token ${token.id} of ${options.principal ?? ''} (${token.role ?? ''}). It is shown this once.`,
      );
      run.output.result(answer, () => [text]);
      return EXIT.ok;
    }),
  );
}

type Body = Parameters<Awaited<ReturnType<Run['connect']>>['createToken']>[0]['body'];

function bodyOf(options: CreateOptions): Body {
  const { uses, ttl, group, validate, replaces, role, principal, why } = options;
  if (principal === undefined) {
    if (role !== undefined) throw new CodedError('usage', '--role needs --principal');
    return { kind: 'enrollment', uses, ttlMs: ttl, group, validates: validate, replaces, why };
  }
  if (
    uses !== undefined ||
    group !== undefined ||
    validate !== undefined ||
    replaces !== undefined
  ) {
    throw new CodedError(
      'usage',
      '--uses, --group, --validate and --replaces are for enrollment tokens, without --principal',
    );
  }
  return { kind: 'access', principal, role, ttlMs: ttl ?? null, why };
}
