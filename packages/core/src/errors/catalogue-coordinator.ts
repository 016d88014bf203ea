export const COORDINATOR_ERRORS = {
  'not-found': {
    text: 'There is nothing of that name.',
    status: 'not-found',
    retryable: false,
    remedy: 'Check the name; list what there is.',
  },
  unauthenticated: {
    text: 'The request carries no valid token.',
    status: 'unauthenticated',
    retryable: false,
    remedy: 'Give a valid token: `moult login --url URL --token TOKEN`.',
  },
  'forward-failed': {
    text: 'Output could not be handed on to its target: the file or the webhook of coordinator.yaml.',
    status: 'unavailable',
    retryable: true,
    remedy:
      'It is tried again by itself, at least every 5 minutes, and nothing is lost meanwhile; the message says what to put right.',
  },
  'permission-denied': {
    text: 'The role of this token does not include what was asked.',
    status: 'permission-denied',
    retryable: false,
    remedy: 'Ask an administrator for a role that may do this.',
  },
  'last-administrator': {
    text: 'Nobody could administer the coordinator any more.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Give another principal the role first: `moult principals add NAME --role admin`, or `moult principals role NAME admin`.',
  },
  'principal-exists': {
    text: 'The principal exists already, with another role, or under a name that would be taken for it.',
    status: 'already-exists',
    retryable: false,
    remedy:
      'See `moult principals list`. Its role is changed by `moult principals role NAME ROLE`, another token made by `moult tokens create --principal NAME`.',
  },
  'principal-revoked': {
    text: 'The principal was revoked: it has no role and gets no token.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Bring it back under its name, with a new token: `moult principals add NAME --role ROLE`.',
  },
  'request-invalid': {
    text: 'A field of the request is missing, unknown, or not of its form.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Mend the named field; /v1/openapi.json describes each request.',
  },
  'method-not-allowed': {
    text: 'The path exists, and not for this method.',
    status: 'unimplemented',
    retryable: false,
    remedy: 'Use one of the methods that /v1/openapi.json names for this path.',
  },
  'request-too-large': {
    text: 'The request is larger than the coordinator takes.',
    status: 'out-of-range',
    retryable: false,
    remedy: 'Send less; the limits stand in the documentation of the API.',
  },
  'too-many-failures': {
    text: 'Too many invalid tokens came from one address.',
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'Wait a minute, then try again with a valid token.',
  },
  'token-invalid': {
    text: 'The enrollment token is not one of this coordinator.',
    status: 'unauthenticated',
    retryable: false,
    remedy: 'Ask for a new enrollment token: `moult tokens create`.',
  },
  'token-used': {
    text: 'The enrollment token was used as often as it may be.',
    status: 'permission-denied',
    retryable: false,
    remedy: 'Every use of this token is taken; ask for a new one: `moult tokens create`.',
  },
  'token-expired': {
    text: 'The enrollment token was shown after its time.',
    status: 'permission-denied',
    retryable: false,
    remedy: 'Ask for a new enrollment token: `moult tokens create`.',
  },
  'token-revoked': {
    text: 'The enrollment token was taken back.',
    status: 'permission-denied',
    retryable: false,
    remedy: 'Ask for a new enrollment token: `moult tokens create`.',
  },
  'key-enrolled': {
    text: 'A key was shown at enrollment that has an identity already.',
    status: 'already-exists',
    retryable: false,
    remedy:
      'This key has an identity already; remove the state of the new host and enroll it again.',
  },
  'name-taken': {
    text: 'Another agent has that name.',
    status: 'already-exists',
    retryable: false,
    remedy:
      'Choose another name: `moult agent enroll --name NAME`; for the same host made anew: `moult tokens create --replaces NAME`.',
  },
  'key-decommissioned': {
    text: 'This key belonged to a host that was removed or replaced; it is refused for ever.',
    status: 'permission-denied',
    retryable: false,
    remedy: 'An operator removed this host; to take it in again, remove its state and enroll anew.',
  },
  'backup-invalid': {
    text: 'The file is no whole backup of a coordinator; the message says what is wrong with it.',
    status: 'data-loss',
    retryable: false,
    remedy: 'Take another backup; nothing was changed.',
  },
  'state-in-use': {
    text: 'A coordinator is there already, which a restore would replace.',
    status: 'already-exists',
    retryable: false,
    remedy: 'Choose another --root, or give --force: what is there is kept aside.',
  },
  'not-restored': {
    text: 'There is nothing to adopt: this coordinator was never restored.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Look at `moult coordinator status`; orders wait for other reasons: `moult why`.',
  },
  'selector-invalid': {
    text: 'A selector cannot be read; the message shows the column.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Mend the selector at the named column; docs/selectors.md lists fields and operators.',
  },
  'manual-upgrade-required': {
    text: 'The agent is too old to upgrade itself, so that nothing is sent to it.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Install the current version on the host by hand, over what is there: identity, configuration and state are kept. What was ordered goes on then.',
  },
  'no-launcher-selected': {
    text: 'Only agents with a launcher were wanted, and none of those that are meant has one.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Nothing was done. Leave `--only-with-launcher` out, and start each agent on its host once it has ended for the switch; or give the hosts a launcher.',
  },
  'nothing-selected': {
    text: 'A selector, or a list of names, means no agent at all.',
    status: 'not-found',
    retryable: false,
    remedy: 'Nothing was done. See whom a selector means: `moult agents list SELECTOR`.',
  },
  'action-refused': {
    text: 'What was ordered may not be done in the state that the agent is in.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Wait until the state of the agent allows it: `moult agents show AGENT`.',
  },
  'capability-missing': {
    text: 'The agent has not declared that it can do what was ordered.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Upgrade the agent first, by hand if it is too old to upgrade itself.',
  },
  'command-ended': {
    text: 'The command has ended already, so nothing can be done with it.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Look at how it ended: `moult commands show COMMAND`.',
  },
  'too-late': {
    text: 'A host has the command already, so it cannot be skipped any more.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Take it back instead: `moult commands revoke COMMAND`.',
  },
  'no-desired-version': {
    text: 'No version was named, and none is chosen for this agent.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Name a version (`--to VERSION`) or choose one: `moult agents desired`.',
  },
  'database-corrupt': {
    text: 'The database of the coordinator is damaged.',
    status: 'data-loss',
    retryable: false,
    remedy: 'Stop the coordinator, keep the file aside and restore the newest backup.',
  },
  'database-foreign': {
    text: 'The database belongs to another program, or to another coordinator.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Name the right state directory; nothing in this file was changed.',
  },
  'database-too-new': {
    text: 'The database was written by a newer coordinator.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Start the coordinator version that wrote this database, or a newer one.',
  },
  'database-locked': {
    text: 'Another process holds the database.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Stop the other coordinator that uses this state directory, or name another directory.',
  },
  'database-unwritable': {
    text: 'The database cannot be opened or written.',
    status: 'unavailable',
    retryable: true,
    remedy: 'Check that the directory exists, that this user may write there, and the disk itself.',
  },
  'store-overloaded': {
    text: 'More is to be written than the disk takes; the request was not begun.',
    status: 'resource-exhausted',
    retryable: true,
    remedy: 'The disk does not keep up; wait, then try again.',
  },
  'store-closed': {
    text: 'The coordinator was stopping when the request came.',
    status: 'unavailable',
    retryable: true,
    remedy: 'The coordinator is stopping; try again when it runs.',
  },
  'coordinator-not-initialized': {
    text: 'The state directory holds no coordinator yet.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Make it first: `moult coordinator init`.',
  },
  'coordinator-initialized': {
    text: 'The state directory holds a coordinator already.',
    status: 'already-exists',
    retryable: false,
    remedy: 'It is ready: `moult coordinator serve`. Choose another directory for a second one.',
  },
  'port-in-use': {
    text: 'Another program listens at that address.',
    status: 'unavailable',
    retryable: true,
    remedy:
      'Stop the program that listens there, or give another address: `--listen 127.0.0.1:PORT`.',
  },
  'listen-failed': {
    text: 'The coordinator cannot listen at that address.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Give an address of this machine as HOST:PORT; ports below 1024 need rights.',
  },
  'listen-insecure': {
    text: 'The coordinator was told to listen beyond this machine without TLS.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Set tls.cert and tls.key, listen on 127.0.0.1, or say --behind-proxy when TLS ends at a proxy.',
  },
  'certificate-invalid': {
    text: 'The certificate or its key cannot be used.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Check that tls.cert and tls.key are readable PEM files and belong together.',
  },
  'session-unknown': {
    text: 'A session over HTTPS was named that the coordinator does not have, or not any more.',
    status: 'unauthenticated',
    retryable: true,
    remedy: 'The session is over, or was never there; the agent opens a new one by itself.',
  },
  'session-broken': {
    text: 'The requests of a session over HTTPS did not follow each other as they must.',
    status: 'aborted',
    retryable: true,
    remedy:
      'A request or an answer was lost or repeated on the way; the agent opens a new session by itself.',
  },
  'too-many-sessions': {
    text: 'The coordinator holds as many sessions as it takes.',
    status: 'unavailable',
    retryable: true,
    remedy: 'Agents try again by themselves; mend what keeps them from their WebSocket.',
  },
  'agent-in-flight': {
    text: 'The agent is being upgraded, and would leave its group in the middle of it.',
    status: 'failed-precondition',
    retryable: true,
    remedy: 'Ask again when it is over: `moult why AGENT` says how far it is.',
  },
  'group-in-use': {
    text: 'The group has agents, tokens that could bring some, or a version that was chosen for it.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Put its agents into another one (`moult agents move`), revoke its tokens (`moult tokens revoke`), take the choice back (`moult agents desired --group GROUP --unset`).',
  },
  'labels-too-many': {
    text: 'An agent would have more labels than are kept.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Take away those that are not needed: `moult agents label AGENT --remove NAME`.',
  },
  'agents-in-flight': {
    text: 'Agents are upgrading, and maintenance of the coordinator would begin in the middle of it.',
    status: 'failed-precondition',
    retryable: false,
    remedy: 'Let nobody else start, and wait for them: `moult coordinator maintenance on --wait`.',
  },
  'shutting-down': {
    text: 'The coordinator was stopping when the request came.',
    status: 'unavailable',
    retryable: true,
    remedy: 'The coordinator is stopping; try again when it runs.',
  },
} as const;
