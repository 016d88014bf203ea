export const RELEASE_ERRORS = {
  'manifest-invalid': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Build the release again with `moult release build`.',
  },
  'build-failed': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Mend what the bundler names, then build again.',
  },
  'runtime-unavailable': {
    status: 'unavailable',
    retryable: true,
    remedy:
      'Check that the package registry is reachable, or install the runtime package beforehand.',
  },
  'pack-unreadable': {
    status: 'not-found',
    retryable: false,
    remedy: 'Check the path of the pack and that this user may read it.',
  },
  'pack-not-a-pack': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Give a file made by `moult release build`.',
  },
  'pack-truncated': {
    status: 'data-loss',
    retryable: false,
    remedy: 'Copy the pack again; it ends too early.',
  },
  'pack-manifest-missing': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'A pack begins with manifest.json: build it with `moult release build`.',
  },
  'pack-traversal': {
    status: 'invalid-argument',
    retryable: false,
    remedy:
      'Do not use this pack: it tries to write outside its tree. Get it again from its maker.',
  },
  'pack-link': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Do not use this pack: it contains a link. Get it again from its maker.',
  },
  'pack-device': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Do not use this pack: it contains a device or a pipe. Get it again from its maker.',
  },
  'pack-setuid': {
    status: 'invalid-argument',
    retryable: false,
    remedy:
      'Do not use this pack: a file in it would run with other rights. Get it again from its maker.',
  },
  'pack-twin': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Do not use this pack: it names one file twice. Get it again from its maker.',
  },
  'pack-extra-file': {
    status: 'invalid-argument',
    retryable: false,
    remedy:
      'Do not use this pack: it holds more than its manifest names. Get it again from its maker.',
  },
  'pack-missing-file': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Get the pack again from its maker: a file that its manifest names is not in it.',
  },
  'pack-hash-mismatch': {
    status: 'data-loss',
    retryable: false,
    remedy: 'Get the pack again from its maker: a file in it is not what its manifest says.',
  },
  'pack-too-large': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Build a smaller release; the limits stand in the description of the manifest.',
  },
  'pack-bomb': {
    status: 'invalid-argument',
    retryable: false,
    remedy:
      'Do not use this pack: it grows beyond reason when unpacked. Get it again from its maker.',
  },
  'blob-missing': {
    status: 'not-found',
    retryable: true,
    remedy: 'Import the pack of the release again: `moult release import PACK`.',
  },
  'blob-corrupt': {
    status: 'data-loss',
    retryable: false,
    remedy: 'Remove the named blob and import its pack again.',
  },
  'keys-exist': {
    status: 'already-exists',
    retryable: false,
    remedy: 'Choose another directory; keys are never overwritten.',
  },
  'keys-missing': {
    status: 'not-found',
    retryable: false,
    remedy: 'Make them with `moult keys init`, or name the directory that holds them.',
  },
  'keys-below-threshold': {
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Give every directory that holds one of these keys (--root-keys, --release-keys take several).',
  },
  'root-refused': {
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Nothing was changed, and what was served is served. Make the next root with `moult keys rotate` from the newest one.',
  },
  'root-conflict': {
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Somebody else rotated keys of this fleet: go on from the newest root.json and roots/ (docs/keys.md).',
  },
  'online-keys-missing': {
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Bring the keys to the coordinator’s machine and run `moult coordinator add-keys --keys DIR` there, then try again. Until then it serves what it served.',
  },
  'key-invalid': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'The file must hold an Ed25519 private key in PEM (PKCS #8).',
  },
  'repository-exists': {
    status: 'already-exists',
    retryable: false,
    remedy: 'The release repository is there already; publish into it.',
  },
  'repository-missing': {
    status: 'not-found',
    retryable: false,
    remedy: 'Make it with `moult coordinator init`.',
  },
  'repository-corrupt': {
    status: 'data-loss',
    retryable: false,
    remedy: 'Restore the release repository from a backup.',
  },
  'repository-refused': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'A client would refuse the new state, so the old one stays live; see the cause.',
  },
  'submission-invalid': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Sign the release again with the current metadata of this coordinator.',
  },
  'submission-conflict': {
    status: 'aborted',
    retryable: true,
    remedy: 'Somebody published meanwhile: run the same command again.',
  },
  'release-exists': {
    status: 'already-exists',
    retryable: false,
    remedy: 'A version is published once; build the change under a new version.',
  },
  'release-unknown': {
    status: 'not-found',
    retryable: true,
    remedy: 'Publish the release, or choose a published one: `moult release list`.',
  },
  'release-no-platform': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Publish this version for the platform of the host, or choose another version.',
  },
  'metadata-too-large': {
    status: 'resource-exhausted',
    retryable: false,
    remedy: 'Retire old releases of this major version, then publish again.',
  },
  'trust-unreachable': {
    status: 'unavailable',
    retryable: true,
    remedy:
      'Check that the coordinator, or the server of the releases, is reachable from this host.',
  },
  'trust-expired': {
    status: 'failed-precondition',
    retryable: true,
    remedy:
      'Check the clock of this host; then see on the coordinator whether its metadata is still renewed.',
  },
  'trust-rollback': {
    status: 'permission-denied',
    retryable: true,
    remedy:
      'The server shows older metadata than before: find out whether it was restored or is being attacked.',
  },
  'trust-refused': {
    status: 'permission-denied',
    retryable: true,
    remedy: 'The metadata of releases is not signed as it must be: find out who changed it.',
  },
  'trust-too-large': {
    status: 'permission-denied',
    retryable: true,
    remedy: 'The server sends metadata beyond the limits: find out who changed it.',
  },
  'trust-timeout': {
    status: 'deadline-exceeded',
    retryable: true,
    remedy: 'Checking the metadata took too long; if it happens again, find out who changed it.',
  },
  'trust-root-too-old': {
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Pin the newest root on this host, as root: `moult agent pin --token TOKEN`, with a new token of `moult tokens create`.',
  },
  'trust-root-invalid': {
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Enroll this host again: the pinned root cannot be used.',
  },
  'fetch-failed': {
    status: 'unavailable',
    retryable: true,
    remedy: 'Check that the server of the blobs is reachable from this host.',
  },
  'fetch-refused': {
    status: 'failed-precondition',
    retryable: true,
    remedy:
      'The server of the blobs answered in a way that is not followed; check its address and what stands before it.',
  },
  'fetch-insecure': {
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Use an https address; plain http is for loopback only.',
  },
  'fetch-stalled': {
    status: 'unavailable',
    retryable: true,
    remedy: 'The connection is slower than 1 KiB/s; what was got so far is kept.',
  },
  'fetch-deadline': {
    status: 'deadline-exceeded',
    retryable: true,
    remedy: 'Fetching took longer than it may; what was got so far is kept.',
  },
  'fetch-mismatch': {
    status: 'data-loss',
    retryable: true,
    remedy:
      'The server sent other bytes than were signed: import the pack of the release there again.',
  },
  'disk-full': {
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'Free space on the file system of the versions directory.',
  },
  'disk-reserve': {
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'Free space or inodes: twice what will be written and 64 MiB must be free.',
  },
  'slot-tampered': {
    status: 'aborted',
    retryable: true,
    remedy:
      'Something changed files while they were being staged: find out which program writes there.',
  },
  'slot-corrupt': {
    status: 'data-loss',
    retryable: true,
    remedy:
      'The installed version does not match its manifest; it is staged anew by the next upgrade to it.',
  },
} as const;
