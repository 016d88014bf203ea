/* What the owner of a host may know of its sessions, kept where it can be read beside a running agent, or none. */
import type { Meta } from '../database/index.ts';
import type { Welcome } from './handshake.ts';

export interface NoSession {
  readonly code: 'desired-version-unavailable' | 'session-refused';
  readonly message: string;
}

/** Names of facts in `meta`; frozen, like all of them. */
const NO_SESSION = 'no-session';
const AGENT_NAME = 'agent-name';

export class SessionNotes {
  readonly #meta: Meta;

  constructor(meta: Meta) {
    this.#meta = meta;
  }

  /** Written when it changes only: a host may be without a session for weeks. */
  missed(trouble: NoSession): void {
    this.#note(NO_SESSION, JSON.stringify(trouble));
  }

  welcomed({ agentName }: Pick<Welcome, 'agentName'>): void {
    if (this.#meta.read(NO_SESSION) !== null) this.#meta.forget(NO_SESSION);
    // Empty from coordinators that do not say it.
    if (agentName !== '') this.#note(AGENT_NAME, agentName);
  }

  #note(name: string, value: string): void {
    if (this.#meta.read(name) !== value) this.#meta.write(name, value);
  }
}

export function readSessionNotes(read: (name: string) => string | null): {
  readonly noSession: NoSession | null;
  readonly nameAtCoordinator: string | null;
} {
  const noSession = read(NO_SESSION);
  return {
    noSession: noSession === null ? null : (JSON.parse(noSession) as NoSession),
    nameAtCoordinator: read(AGENT_NAME),
  };
}
