export const LAUNCHER_ERRORS = {
  'boot-record-unwritable': {
    text: 'The boot record could not be written, so what was asked did not happen.',
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'Free space on the state directory; the version before keeps running meanwhile.',
  },
  'boot-record-too-new': {
    text: 'The boot record was written by a launcher whose format this one does not know.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Install the launcher that wrote boot.json, or a newer one; this one must not act on it.',
  },
  'boot-trial-stale': {
    text: 'An attempt was named that is not on trial, or not any more.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Nothing to do: the attempt is over, the boot record says how it ended.',
  },
  'boot-trial-running': {
    text: 'Another version is on trial on this host.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Wait until the trial that runs is committed or rolled back.',
  },
  'boot-slot-refused': {
    text: 'The version was refused in this very attempt before.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'See the evidence of the refusal; order it again, forced, or choose another version.',
  },
  'boot-slot-current': {
    text: 'A trial was asked for the version that is committed.',
    status: 'already-exists',
    retryable: false,
    remedy: 'Nothing to do: this version is the committed one.',
  },
  'boot-slot-incomplete': {
    text: 'Files of the version are missing from its slot, or are not of their length.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Stage the version again: its slot is not complete on the disk.',
  },
  'no-version-before': {
    text: 'There is no version before the one that is committed, to which this host could go back.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Order an earlier version: `moult agents upgrade AGENT --to VERSION`.',
  },
  'nothing-to-boot': {
    text: 'There is no version of the agent that could be started.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Install a version: `moult agent enroll` puts the first one in place.',
  },
  'launcher-already-running': {
    text: 'Another launcher runs in the same root.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Stop the other launcher first, or give this one another --root.',
  },
} as const;
