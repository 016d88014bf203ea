/* What an installation as a service says when it does nothing. */
export const INSTALL_ERRORS = {
  'install-needs-root': {
    text: 'A system-wide installation was asked for by somebody who is not root.',
    status: 'permission-denied',
    retryable: false,
    remedy: 'Run it as root (sudo), or give --root DIR to have all of it below a directory.',
  },
  'install-mid-upgrade': {
    text: 'An upgrade goes on on this host, or nobody can say that none does: what it works on is left alone.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Wait until `moult agent status` shows that the upgrade is over, then run it again.',
  },
  'directories-shared': {
    text: 'A directory of this instance belongs to another instance of Moult: two would write over each other.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Give each instance a --root of its own, without links from one into the other; or uninstall the other one first.',
  },
  'directory-foreign': {
    text: 'What stands at the place of one of our directories is not ours.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Look whose it is and why; give it away with chown, move it aside, or choose another --root.',
  },
  'directory-closed': {
    text: 'The user that the service runs as cannot get at its own files.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Open the directory that is named (chmod o+x), or choose another place.',
  },
  'agent-runs': {
    text: 'What was ordered cannot be done while the agent runs.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Stop the agent, then run it again.',
  },
  'user-unknown': {
    text: 'There is no user of that name on this host.',
    status: 'not-found',
    retryable: false,
    remedy: 'Make it first, or leave --user out.',
  },
  'tool-missing': {
    text: 'A program of the system that the installation calls is not there.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Install the package that has it, or do by hand what it was to do; then run it again.',
  },
  'tool-failed': {
    text: 'A program of the system that the installation called has failed.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'See what it said; mend that, and run it again: it goes on where it stopped.',
  },
  'purge-unconfirmed': {
    text: 'The key of this host, or the store of a coordinator, would be removed for good, and nobody has said that this is meant.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'See what would go with --dry-run; then give --yes.',
  },
} as const;
