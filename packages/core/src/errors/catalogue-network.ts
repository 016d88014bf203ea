export const NETWORK_ERRORS = {
  'proxy-unreachable': {
    text: 'The proxy that the configuration names cannot be connected to.',
    status: 'unavailable',
    retryable: true,
    remedy:
      'Check `proxy` in agent.yaml, and that the proxy runs and this host may connect to it. It is tried again by itself.',
  },
  'proxy-silent': {
    text: 'The proxy took the connection and then gave no whole answer in time.',
    status: 'unavailable',
    retryable: true,
    remedy: 'See whether the proxy itself is stuck or overloaded. It is tried again by itself.',
  },
  'proxy-refused': {
    text: 'The proxy does not let this host connect to the coordinator.',
    status: 'permission-denied',
    retryable: true,
    remedy: 'Allow CONNECT to the host and port in the message for this host, in the proxy.',
  },
  'proxy-failed': {
    text: 'The proxy was willing, and does not reach the coordinator itself.',
    status: 'unavailable',
    retryable: true,
    remedy:
      'See whether the coordinator runs, and whether the machine of the proxy knows its name and reaches it. It is tried again by itself.',
  },
  'proxy-password-wanted': {
    text: 'The proxy wants a user and a password, and the configuration gives none.',
    status: 'unauthenticated',
    retryable: true,
    remedy:
      'Name the user in `proxy` of agent.yaml (http://user@host:port), and a file with the password in `proxyPasswordFile`.',
  },
  'proxy-password-wrong': {
    text: 'The proxy does not take the user and the password that the configuration gives.',
    status: 'unauthenticated',
    retryable: true,
    remedy:
      'Put the right password in the file that `proxyPasswordFile` of agent.yaml names: it is read again before each connection. Some proxies lock a user after many tries.',
  },
  'proxy-invalid': {
    text: 'What answers at the address of the proxy is no HTTP proxy.',
    status: 'unavailable',
    retryable: true,
    remedy: 'Check host and port of `proxy` in agent.yaml: another program answers there.',
  },
  'proxy-password-exposed': {
    text: 'A file with the password of the proxy can be read by everybody on this host.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Take it from others: `chmod o-rwx FILE`; the user that the agent runs as must still be able to read it.',
  },
} as const;
