/** What `moult doctor` has a name for and nobody throws; whatever else it finds has the name that it has elsewhere. */
export const DOCTOR_ERRORS = {
  'nothing-installed': {
    text: 'Neither an agent nor a coordinator was found where they were looked for.',
    status: 'not-found',
    retryable: false,
    remedy: 'Name the directory that they live under, `moult doctor --root DIR`, or install one.',
  },
  'first-launcher-unsound': {
    text: 'The first launcher, which starts everything else on this host, is missing, damaged or not root’s.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Put it back as root, from the same release: docs/installing.md. The agent that runs goes on meanwhile; do not stop it before.',
  },
  'boot-record-unreadable': {
    text: 'boot.json, which says what boots on this host, cannot be read.',
    status: 'data-loss',
    retryable: true,
    remedy:
      'Restart the service: the launcher keeps the file aside and boots what `current` shows. Then look at the disk.',
  },
  'agent-not-serving': {
    text: 'No agent serves on this host.',
    status: 'unavailable',
    retryable: true,
    remedy: 'Start its service; why it ended is in its log: `moult agent logs`.',
  },
  'unit-missing': {
    text: 'systemd runs on this host, and has no unit for the agent: nothing starts it at boot.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Install it as a service, which keeps configuration and state: `moult agent install`.',
  },
  'unit-inactive': {
    text: 'The unit of the agent is not active.',
    status: 'unavailable',
    retryable: true,
    remedy: 'Start it: `systemctl start UNIT`; why it ended is in `systemctl status UNIT`.',
  },
  'unit-other': {
    text: 'The unit of the agent is not what this version would write, is not enabled, or was not read again.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Have it written anew, which keeps configuration and state: `moult agent install`.',
  },
  'trial-open': {
    text: 'A version has been on trial for long, or nobody watches its trial.',
    status: 'failed-precondition',
    retryable: true,
    remedy:
      'See that the service runs and that this host reaches its coordinator: the trial goes on by itself then. `moult agent status`.',
  },
  'state-damaged': {
    text: 'agent.db is damaged.',
    status: 'data-loss',
    retryable: false,
    remedy:
      'Look at the disk, then restart the agent: it keeps the file aside and begins a new one. Output that waited in it is lost, behind a gap.',
  },
  'upgrade-failed': {
    text: 'The last upgrade to another major version failed; the version before runs, and tasks wait.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'See `moult history AGENT`, mend what it names, then `moult agents clear AGENT`.',
  },
  'outbox-filling': {
    text: 'Output that waits on this host for the coordinator is near its limit of size or age.',
    status: 'resource-exhausted',
    retryable: true,
    remedy:
      'See why it is not delivered: `moult agent status`. Beyond the limit the oldest goes; outboxBytes and outboxAge in agent.yaml set it.',
  },
  'kept-aside': {
    text: 'Damaged files of the state were kept when new ones were begun.',
    status: 'data-loss',
    retryable: false,
    remedy: 'Find out what damaged them, then remove them: nothing reads them any more.',
  },
  'certificate-expiring': {
    text: 'A quarter or less of a certificate’s time is left.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Replace it in time: docs/operating-coordinator.md, "Certificates".',
  },
  'certificate-expired': {
    text: 'A certificate is not good today.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Check the clock first; then replace the certificate: docs/operating-coordinator.md, "Certificates".',
  },
  'metadata-expiring': {
    text: 'A quarter or less of the time is left for which metadata of releases was signed.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Of snapshot and timestamp the coordinator’s log says why they are not signed anew; for root `moult keys renew root`, for all others `moult release publish-root --keys DIR`.',
  },
  'metadata-growing': {
    text: 'Metadata of releases is at three quarters of the size that hosts accept.',
    status: 'resource-exhausted',
    retryable: false,
    remedy: 'Publish the next releases under the next major version: its metadata is its own.',
  },
  'coordinator-not-ready': {
    text: 'The coordinator answers, and says that it cannot serve.',
    status: 'unavailable',
    retryable: true,
    remedy: 'See its log: it is stopping, or its database does not answer.',
  },
  'coordinator-unsafe': {
    text: 'Others could read the keys of the coordinator, or change what it serves.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Do what the message says for each of them. Keys that others could read are better replaced: docs/keys.md.',
  },
  'coordinator-disk-low': {
    text: 'Little space, or few inodes, are left where the coordinator keeps its state.',
    status: 'resource-exhausted',
    retryable: true,
    remedy:
      'Free space, or let output go sooner: output.keepFor and output.keepBytes in coordinator.yaml. A full disk loses nothing; orders and output wait.',
  },
  'not-adopted': {
    text: 'This coordinator was restored from a backup and waits for somebody to adopt it.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Look at `moult coordinator status`, then `moult coordinator adopt --why TEXT`.',
  },
  'release-incomplete': {
    text: 'Files of a release that is wanted, or installed somewhere, are missing or damaged at the coordinator.',
    status: 'data-loss',
    retryable: false,
    remedy:
      'Import its pack again: `moult release import PACK`; a damaged file first has to be removed.',
  },
  'choice-impossible': {
    text: 'A version is chosen that some of its agents could never run: it is not there for their platform.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Choose one that is: `moult agents versions`, then `moult agents desired`.',
  },
  'no-administrator': {
    text: 'Nobody can administer the coordinator: no valid access token has the role admin.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Stop the coordinator, make an administrator on its machine with `moult coordinator add-admin NAME`, and start it.',
  },
  'administrators-ending': {
    text: 'Every access token with the role admin will soon have ended.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Make another one while there is one: `moult tokens create --principal NAME`.',
  },
  'backup-missing': {
    text: 'No backup of the coordinator is known, or the last one is old.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Make one, every night: `moult coordinator backup --to DIR`.',
  },
  'handles-scarce': {
    text: 'The coordinator is near the number of open files that its process may have; each session is one.',
    status: 'resource-exhausted',
    retryable: false,
    remedy: 'Raise LimitNOFILE of its unit, and restart it.',
  },
  'agents-quarantined': {
    text: 'Agents are quarantined: two hosts show one identity.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Stop the copy and remove its state, then `moult agents release-quarantine AGENT`.',
  },
  'agents-upgrade-failed': {
    text: 'Agents are in Upgrade Failed: they run the version before, and their tasks wait.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'See `moult history AGENT` for each, then `moult agents clear AGENT`.',
  },
  'agents-too-old': {
    text: 'Agents are too old to upgrade themselves.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Install the current version on these hosts by hand: docs/installing.md.',
  },
  'agents-down': {
    text: 'Agents were not seen for more than a day.',
    status: 'unavailable',
    retryable: true,
    remedy:
      'See on the host: `moult doctor`. One that is gone for good: `moult agents remove AGENT`.',
  },
  'agents-unvalidated': {
    text: 'Agents are enrolled and nobody has validated them: they get no orders.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Look whose they are: `moult agents show AGENT`, then `moult agents validate AGENT`.',
  },
} as const;
