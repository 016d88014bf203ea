export const RELEASE_ERRORS = {
  'manifest-invalid': {
    text: 'A manifest is not of its form.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Build the release again with `moult release build`.',
  },
  'build-failed': {
    text: 'A release could not be built.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Mend what the bundler names, then build again.',
  },
  'runtime-unavailable': {
    text: 'The Node runtime for the platform could not be had.',
    status: 'unavailable',
    retryable: true,
    remedy:
      'Check that the package registry is reachable, or install the runtime package beforehand.',
  },
  'pack-unreadable': {
    text: 'The pack cannot be opened.',
    status: 'not-found',
    retryable: false,
    remedy: 'Check the path of the pack and that this user may read it.',
  },
  'pack-not-a-pack': {
    text: 'The file is not a pack.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Give a file made by `moult release build`.',
  },
  'pack-truncated': {
    text: 'The pack ends in the middle.',
    status: 'data-loss',
    retryable: false,
    remedy: 'Copy the pack again; it ends too early.',
  },
  'pack-manifest-missing': {
    text: 'The pack does not begin with its manifest.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'A pack begins with manifest.json: build it with `moult release build`.',
  },
  'pack-traversal': {
    text: 'The pack names a path outside its own tree.',
    status: 'invalid-argument',
    retryable: false,
    remedy:
      'Do not use this pack: it tries to write outside its tree. Get it again from its maker.',
  },
  'pack-link': {
    text: 'The pack holds a link.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Do not use this pack: it contains a link. Get it again from its maker.',
  },
  'pack-device': {
    text: 'The pack holds a device or a pipe.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Do not use this pack: it contains a device or a pipe. Get it again from its maker.',
  },
  'pack-setuid': {
    text: 'The pack holds a file that would run with the rights of another user.',
    status: 'invalid-argument',
    retryable: false,
    remedy:
      'Do not use this pack: a file in it would run with other rights. Get it again from its maker.',
  },
  'pack-twin': {
    text: 'The pack holds two files of one name.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Do not use this pack: it names one file twice. Get it again from its maker.',
  },
  'pack-extra-file': {
    text: 'The pack holds a file that its manifest does not name.',
    status: 'invalid-argument',
    retryable: false,
    remedy:
      'Do not use this pack: it holds more than its manifest names. Get it again from its maker.',
  },
  'pack-missing-file': {
    text: 'The pack lacks a file that its manifest names.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Get the pack again from its maker: a file that its manifest names is not in it.',
  },
  'pack-hash-mismatch': {
    text: 'A file of the pack has another hash than its manifest says.',
    status: 'data-loss',
    retryable: false,
    remedy: 'Get the pack again from its maker: a file in it is not what its manifest says.',
  },
  'pack-too-large': {
    text: 'The pack, or a file in it, is beyond the limits.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Build a smaller release; the limits stand in the description of the manifest.',
  },
  'pack-bomb': {
    text: 'The pack grows far beyond its size when it is unpacked.',
    status: 'invalid-argument',
    retryable: false,
    remedy:
      'Do not use this pack: it grows beyond reason when unpacked. Get it again from its maker.',
  },
  'blob-missing': {
    text: 'A file of a release is not in the store of the coordinator.',
    status: 'not-found',
    retryable: true,
    remedy: 'Import the pack of the release again: `moult release import PACK`.',
  },
  'blob-corrupt': {
    text: 'A file in the store of the coordinator does not have the hash that it is named by.',
    status: 'data-loss',
    retryable: false,
    remedy: 'Remove the named blob and import its pack again.',
  },
  'keys-exist': {
    text: 'The directory holds release keys already.',
    status: 'already-exists',
    retryable: false,
    remedy: 'Choose another directory; keys are never overwritten.',
  },
  'keys-missing': {
    text: 'The release keys are not where they were looked for.',
    status: 'not-found',
    retryable: false,
    remedy: 'Make them with `moult keys init`, or name the directory that holds them.',
  },
  'keys-below-threshold': {
    text: 'Fewer keys were given than have to sign.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Give every directory that holds one of these keys (--root-keys, --release-keys take several).',
  },
  'root-refused': {
    text: 'The new root would be refused by the hosts that trust the one before.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Nothing was changed, and what was served is served. Make the next root with `moult keys rotate` from the newest one.',
  },
  'root-conflict': {
    text: 'Another root of the same number is there already.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Somebody else rotated keys of this fleet: go on from the newest root.json and roots/ (docs/keys.md).',
  },
  'online-keys-missing': {
    text: 'The coordinator does not hold the online keys that the new root names.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Bring the keys to the coordinator’s machine and run `moult coordinator add-keys --keys DIR` there, then try again. Until then it serves what it served.',
  },
  'key-invalid': {
    text: 'The file holds no key that can be used.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'The file must hold an Ed25519 private key in PEM (PKCS #8).',
  },
  'repository-exists': {
    text: 'A release repository is there already.',
    status: 'already-exists',
    retryable: false,
    remedy: 'The release repository is there already; publish into it.',
  },
  'repository-missing': {
    text: 'There is no release repository yet.',
    status: 'not-found',
    retryable: false,
    remedy: 'Make it with `moult coordinator init`.',
  },
  'repository-corrupt': {
    text: 'The metadata of the release repository cannot be read or does not belong together.',
    status: 'data-loss',
    retryable: false,
    remedy: 'Restore the release repository from a backup.',
  },
  'repository-refused': {
    text: 'What was to be published would be refused by every host.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'A client would refuse the new state, so the old one stays live; see the cause.',
  },
  'submission-invalid': {
    text: 'What was submitted is not signed over the metadata that is live.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Sign the release again with the current metadata of this coordinator.',
  },
  'submission-conflict': {
    text: 'Something else was published while this was being signed.',
    status: 'aborted',
    retryable: true,
    remedy: 'Somebody published meanwhile: run the same command again.',
  },
  'release-exists': {
    text: 'That version was published already.',
    status: 'already-exists',
    retryable: false,
    remedy: 'A version is published once; build the change under a new version.',
  },
  'release-unknown': {
    text: 'There is no release of that component and version.',
    status: 'not-found',
    retryable: true,
    remedy: 'Publish the release, or choose a published one: `moult release list`.',
  },
  'release-no-platform': {
    text: 'The release was not built for that platform.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Choose a version that is built for this platform: `moult agents versions`. A published one gets no platform afterwards: publish the next one for all.',
  },
  'metadata-too-large': {
    text: 'The metadata would be larger than hosts accept.',
    status: 'resource-exhausted',
    retryable: false,
    remedy: 'Retire old releases of this major version, then publish again.',
  },
  'trust-unreachable': {
    text: 'The metadata of releases could not be fetched.',
    status: 'unavailable',
    retryable: true,
    remedy:
      'Check that the coordinator, or the server of the releases, is reachable from this host.',
  },
  'trust-expired': {
    text: 'The metadata of releases is past its date.',
    status: 'failed-precondition',
    retryable: true,
    remedy:
      'Check the clock of this host; then see on the coordinator whether its metadata is still renewed.',
  },
  'trust-rollback': {
    text: 'The metadata of releases is older than what this host has seen.',
    status: 'permission-denied',
    retryable: true,
    remedy:
      'The server shows older metadata than before: find out whether it was restored or is being attacked.',
  },
  'trust-refused': {
    text: 'The metadata of releases does not pass its checks.',
    status: 'permission-denied',
    retryable: true,
    remedy: 'The metadata of releases is not signed as it must be: find out who changed it.',
  },
  'trust-too-large': {
    text: 'The metadata of releases is beyond the limits.',
    status: 'permission-denied',
    retryable: true,
    remedy: 'The server sends metadata beyond the limits: find out who changed it.',
  },
  'trust-timeout': {
    text: 'Checking the metadata of releases took longer than it may.',
    status: 'deadline-exceeded',
    retryable: true,
    remedy: 'Checking the metadata took too long; if it happens again, find out who changed it.',
  },
  'trust-root-too-old': {
    text: 'The root that this host trusts is further behind than it may follow in one go.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Pin the newest root on this host, as root: `moult agent pin-root --token TOKEN`, with a new token of `moult tokens create`.',
  },
  'trust-root-invalid': {
    text: 'The root that this host trusts cannot be read.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Pin the root on this host anew, as root: `moult agent pin-root --token TOKEN`, with a new token of `moult tokens create`.',
  },
  'fetch-failed': {
    text: 'A file of a release could not be fetched.',
    status: 'unavailable',
    retryable: true,
    remedy: 'Check that the server of the blobs is reachable from this host.',
  },
  'fetch-refused': {
    text: 'The server answered the request for a file in a way that is not accepted.',
    status: 'failed-precondition',
    retryable: true,
    remedy:
      'The server of the blobs answered in a way that is not followed; check its address and what stands before it.',
  },
  'fetch-insecure': {
    text: 'The address of the files is neither https nor on this very machine.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Use an https address; plain http is for loopback only.',
  },
  'fetch-stalled': {
    text: 'A file came so slowly that fetching it was given up.',
    status: 'unavailable',
    retryable: true,
    remedy: 'The connection is slower than 1 KiB/s; what was got so far is kept.',
  },
  'fetch-deadline': {
    text: 'Fetching a release took longer than two hours.',
    status: 'deadline-exceeded',
    retryable: true,
    remedy: 'Fetching took longer than it may; what was got so far is kept.',
  },
  'fetch-mismatch': {
    text: 'The bytes that came are not those that were signed.',
    status: 'data-loss',
    retryable: true,
    remedy:
      'The server sent other bytes than were signed: import the pack of the release there again.',
  },
  'disk-full': {
    text: 'The disk was full in the middle of staging.',
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'Free space on the file system of the versions directory.',
  },
  'disk-reserve': {
    text: 'Less space, or fewer inodes, are free than an upgrade wants to begin.',
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'Free space or inodes: twice what will be written and 64 MiB must be free.',
  },
  'slot-tampered': {
    text: 'A file was changed between its check and its use.',
    status: 'aborted',
    retryable: true,
    remedy:
      'Something changed files while they were being staged: find out which program writes there.',
  },
  'kept-full': {
    text: 'A version was changed by hand, and there is no room left to keep what was changed: it is not replaced.',
    status: 'resource-exhausted',
    retryable: true,
    remedy:
      'Look through the kept directory and the version that the message names, move what is needed elsewhere and remove the rest; it is tried again.',
  },
  'slot-corrupt': {
    text: 'An installed version is not what its manifest says.',
    status: 'data-loss',
    retryable: true,
    remedy:
      'The installed version does not match its manifest; it is staged anew by the next upgrade to it.',
  },
} as const;
