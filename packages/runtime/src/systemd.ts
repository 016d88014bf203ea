/* What our units have in common: what they take away from the program, and how arguments and paths are written. */

/**
 * Everything that systemd can take away from a program on Node: MemoryDenyWriteExecute would kill its compiler. The rest
 * of a unit says what is given back.
 */
export function hardening(options: {
  /** Below these the program has files, which the usual settings would hide from it. */
  readonly homes: boolean;
  readonly temporary: boolean;
}): readonly string[] {
  return [
    'UMask=0077',
    'NoNewPrivileges=yes',
    'CapabilityBoundingSet=',
    'AmbientCapabilities=',
    'ProtectSystem=strict',
    `ProtectHome=${options.homes ? 'read-only' : 'yes'}`,
    `PrivateTmp=${options.temporary ? 'no' : 'yes'}`,
    'PrivateDevices=yes',
    'PrivateMounts=yes',
    'ProtectProc=invisible',
    'ProtectClock=yes',
    'ProtectControlGroups=yes',
    'ProtectHostname=yes',
    'ProtectKernelLogs=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelTunables=yes',
    'LockPersonality=yes',
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'RemoveIPC=yes',
    // Node asks the kernel for its addresses over AF_NETLINK.
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    'SystemCallArchitectures=native',
    'SystemCallFilter=@system-service',
    'SystemCallFilter=~@privileged',
    // An answer, where the default would kill a program that only asks.
    'SystemCallErrorNumber=EPERM',
  ];
}

const HOMES = ['/home', '/root', '/run/user'];
const TEMPORARIES = ['/tmp', '/var/tmp'];

/** As `hardening` wants to know it. */
export function placesOf(paths: readonly string[]): {
  readonly homes: boolean;
  readonly temporary: boolean;
} {
  const isBelow = (dirs: readonly string[]) =>
    paths.some((path) => dirs.some((dir) => path === dir || path.startsWith(`${dir}/`)));
  return { homes: isBelow(HOMES), temporary: isBelow(TEMPORARIES) };
}

/** A command line: systemd splits it at blanks, and expands % and $. */
export function commandOf(args: readonly string[]): string {
  return args.map((argument) => quoted(argument.replaceAll('$', '$$$$'))).join(' ');
}

/** A list of paths, as of ReadWritePaths: nothing but % is expanded. */
export function pathsOf(paths: readonly string[]): string {
  return paths.map(quoted).join(' ');
}

/** A text in one line, such as a description. */
export function lineOf(text: string): string {
  return text.replaceAll(/[\r\n]/g, ' ').replaceAll('%', '%%');
}

function quoted(argument: string): string {
  const escaped = argument.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%');
  return /[\s"'\\]/.test(argument) ? `"${escaped}"` : escaped;
}
