export const LAUNCHER_ERRORS = {
  'boot-record-unwritable': {
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'Free space on the state directory; the version before keeps running meanwhile.',
  },
  'boot-record-too-new': {
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Install the launcher that wrote boot.json, or a newer one; this one must not act on it.',
  },
  'boot-trial-stale': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Nothing to do: the attempt is over, the boot record says how it ended.',
  },
  'boot-trial-running': {
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Wait until the trial that runs is committed or rolled back.',
  },
  'boot-slot-refused': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'See the evidence of the refusal; order it again, forced, or choose another version.',
  },
  'boot-slot-current': {
    status: 'already-exists',
    retryable: false,
    remedy: 'Nothing to do: this version is the committed one.',
  },
  'boot-slot-incomplete': {
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Stage the version again: its slot is not complete on the disk.',
  },
  'nothing-to-boot': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Install a version: `moult agent enroll` puts the first one in place.',
  },
  'launcher-already-running': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Stop the other launcher first, or give this one another --root.',
  },
} as const;
