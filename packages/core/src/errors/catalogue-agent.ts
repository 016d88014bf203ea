export const AGENT_ERRORS = {
  'packages-not-refreshed': {
    text: 'The metadata or the files of a release could not be brought to this host; the message names the cause.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'See the cause beside it; the version that runs is untouched.',
  },
  'desired-version-unavailable': {
    text: 'The coordinator could not be asked which version this agent should run, or it speaks another major version of the protocol.',
    status: 'unavailable',
    retryable: true,
    remedy:
      'Check that the coordinator runs and is reachable from this host; where it does not serve the protocol version, install an agent that fits it. It is asked again by itself.',
  },
  'refused-here': {
    text: 'This host has tried that version before and rolled it back.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'See the evidence in `moult history AGENT`; publish a version that mends it, or force this one.',
  },
  'desired-version-invalid': {
    text: 'What was assigned is not a version that fits this host: it is none, was not published, or not for this platform.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Choose a published version: `moult release list`.',
  },
  'component-unknown': {
    text: 'An upgrade was ordered for a component that this version of the agent does not know.',
    status: 'unimplemented',
    retryable: false,
    remedy: 'Upgrade the agent first: this version does not know that component.',
  },
  'pace-unknown': {
    text: 'An upgrade was ordered at a pace that this version of the agent does not know.',
    status: 'unimplemented',
    retryable: false,
    remedy: 'Upgrade the agent first: this version does not know that pace.',
  },
  'command-unknown': {
    text: 'A command arrived that this version of the agent cannot carry out.',
    status: 'unimplemented',
    retryable: false,
    remedy: 'Upgrade the agent first: this version does not know that kind of command.',
  },
  'launcher-too-old': {
    text: 'The release demands a newer launcher than this host has.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Upgrade the launcher first: `moult agents upgrade AGENT --component launcher`.',
  },
  'upgrade-under-way': {
    text: 'An upgrade of this host is under way: it cannot be rolled back by hand just now.',
    status: 'failed-precondition',
    retryable: true,
    remedy:
      'Wait until it is over: `moult agent status`. With --force one that has not switched yet is given up first.',
  },
  'version-before-refused': {
    text: 'The version before was refused on this host, or its owner has left it by hand.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Order it again by force, if it is wanted all the same: `moult agents upgrade AGENT --to VERSION --force --why WHY`.',
  },
  'rollback-too-late': {
    text: 'The version that runs was committed more than seven days ago, or nobody knows when.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'With --force this host goes back all the same, if the version before would serve.',
  },
  'rollback-unproved': {
    text: 'The version before would not serve here as it is, or nobody could find out: nothing was changed.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Mend what the message names on this host. With --force it goes back all the same, but never to a version that cannot read the state.',
  },
  'host-unsafe': {
    text: 'Others could write what the agent runs from, or read what it proves itself with: it does not start.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Do what the message says for each of them, then start it again.',
  },
  'fallback-unsound': {
    text: 'The version that a failed upgrade would fall back to was changed on this host, and its release is not there to make it whole.',
    status: 'failed-precondition',
    retryable: true,
    remedy:
      'Publish the release of that version again: it is made whole by itself then. Or go without the test on this host: `preflight: false` in agent.yaml.',
  },
  'changed-by-hand': {
    text: 'Files of an installed version were changed, added or removed since it was installed.',
    status: 'failed-precondition',
    retryable: true,
    remedy:
      'They are kept aside before they are replaced, and never put back: move what must stay into the configuration, or into a release.',
  },
  'clock-off': {
    text: 'The clock of this host and that of its coordinator are far apart.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Set the clock of whichever is wrong, and keep it set: NTP.',
  },
  'held-by-owner': {
    text: 'The owner of this host has said that it is not to be upgraded now.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Wait, or ask the owner; `moult agents show AGENT` says who said so and why. What cannot wait is forced: `moult agents upgrade AGENT --to VERSION --force --why WHY`.',
  },
  'postponed-too-long': {
    text: 'Upgrades cannot be postponed for so long.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Seven days in all, also when it is said again; who needs longer pins the version: `moult agent pin`.',
  },
  'agent-not-serving': {
    text: 'The agent of this host does not answer: only while it serves does it take the word of its owner.',
    status: 'unavailable',
    retryable: true,
    remedy:
      'See `moult agent status`, and start it; or put a file into the directory of locks, which holds also before it serves.',
  },
  'owner-not-allowed': {
    text: 'Only root and the group of the agent may speak to it.',
    status: 'permission-denied',
    retryable: false,
    remedy: 'Do it as root, or have your user added to the group of the agent.',
  },
  'owner-word-unreadable': {
    text: 'What the owner of this host said about upgrades cannot be read: none is done till it can.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Remove the file that the message names, as root, and say again what was said.',
  },
  'owner-socket-unusable': {
    text: 'The socket on which the agent takes the word of its owner could not be made; all else goes on.',
    status: 'failed-precondition',
    retryable: true,
    remedy:
      'Make the directory of the socket the agent’s own, remove what stands at its path, or use a --root with a shorter path; then restart the agent.',
  },
  'rehearsal-failed': {
    text: 'The new version was started beside the one that runs, and would not have served here: nothing was changed.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Mend what the message names on this host or in the release, and order it again: `moult agents upgrade AGENT`.',
  },
  'rehearsal-unreached': {
    text: 'Neither the version that runs nor the new one, started beside it, reaches the coordinator.',
    status: 'unavailable',
    retryable: true,
    remedy:
      'Look at the network between this host and its coordinator: it is tried again when a session opens.',
  },
  'rehearsal-not-started': {
    text: 'The host had no process, memory or handle left to start the new version beside the one that runs.',
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'Free memory, processes or file handles on the host: it is tried again.',
  },
  'next-not-prepared': {
    text: 'No process of the new version waits beside the one that runs, to take over from it at once.',
    status: 'unavailable',
    retryable: true,
    remedy:
      'Nothing to do: the new version is started when it is its turn, which takes a little longer.',
  },
  'launcher-silent': {
    text: 'The launcher did not answer the agent over the pipe between them.',
    status: 'unavailable',
    retryable: true,
    remedy: 'See the log of the launcher: it did not answer over the pipe.',
  },
  'launcher-missing': {
    text: 'The agent was started without a launcher where one is needed.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Start the agent under its launcher: `moult launcher run --root DIR`.',
  },
  'slots-unwritable': {
    text: 'The directory of the versions cannot be written.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Give the versions directory back to the user that the agent runs as.',
  },
  'agent-already-running': {
    text: 'Another agent of the same root serves already.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Stop the other agent of this root first, or give this one another --root.',
  },
  'state-too-new': {
    text: 'agent.db was written by a version that this one cannot follow.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Run the version that wrote agent.db, or a newer one; this one must not touch it.',
  },
  'not-enrolled': {
    text: 'This host has no identity with a coordinator yet.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Enroll this host: `moult agent enroll --coordinator URL --token TOKEN`.',
  },
  'identity-unreadable': {
    text: 'The private key of this host cannot be read as an Ed25519 key.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Restore identity.key from a backup, or remove it and enroll this host anew.',
  },
  'enrollment-token-invalid': {
    text: 'The text that was given is not an enrollment token.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Copy the whole token, or make a new one: `moult tokens create`.',
  },
  'enrollment-refused': {
    text: 'The coordinator did not accept the enrollment.',
    status: 'permission-denied',
    retryable: false,
    remedy: 'Make a new token on the coordinator: `moult tokens create`.',
  },
  'enrollment-pin-mismatch': {
    text: 'What answered is not the coordinator that made the token: CA or release root are others.',
    status: 'permission-denied',
    retryable: false,
    remedy:
      'Something stands between this host and the coordinator, or the token is of another one or of an older release root: check the address, then make a new token.',
  },
  'enrolled-elsewhere': {
    text: 'This root is enrolled with another coordinator already.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Use another --root, or remove agent.yaml of this one if it may change its coordinator.',
  },
  'coordinator-insecure': {
    text: 'The address of the coordinator is neither https nor on this very machine.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Use an https address; plain http is for a coordinator on this very machine.',
  },
  'coordinator-unreachable': {
    text: 'No connection to the coordinator came about.',
    status: 'unavailable',
    retryable: true,
    remedy: 'Check the address, the network, and that the coordinator runs.',
  },
  'session-refused': {
    text: 'The coordinator answered, and did not open a session.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'See the reason beside it, and `moult agents show AGENT`.',
  },
  'output-invalid': {
    text: 'What a program handed in over the output socket is not a line of output; the message says what is wrong.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'See "Output" in docs/operating-agents.md for what a line looks like.',
  },
  'output-not-kept': {
    text: 'The disk did not take a record that a program handed in.',
    status: 'unavailable',
    retryable: true,
    remedy: 'Hand it in again; see that the disk of the state directory has room.',
  },
  'output-busy': {
    text: 'As many programs as may hand in output at once.',
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'Try again later, or let programs share a connection: each may stay open.',
  },
  'output-socket-unusable': {
    text: 'The socket where programs hand in output could not be made; all else goes on.',
    status: 'failed-precondition',
    retryable: true,
    remedy:
      'Remove what stands at its path, or use a --root with a shorter path; then restart the agent.',
  },
} as const;
