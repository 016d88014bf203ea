/*
 * A machine with systemd as its first process, in namespaces of this one: the same files below an overlay that is gone with it, the
 * same network, processes, host name and users of its own. Of systemd's own units there are targets only: nothing of this
 * machine is started there. For root, where overlays can be mounted.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Program, type Ran, runToEnd, startProgram } from '../../scripts/fleet/program.ts';
import { until } from '../../scripts/fleet/until.ts';

const SYSTEMD = '/lib/systemd/systemd';
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
const BOOT_MS = 30_000;
const COMMAND_MS = 120_000;

/** $1: where it is mounted; $2: the disk that it begins with, or empty; $3: its name; $4: the bundled moult; $5: the checkout. */
const BOOT = `
base=$1; disk=$2; name=$3; moult=$4; checkout=$5; root=$base/root
mount --make-rprivate /
mount -t tmpfs tmpfs "$base/layers"
mkdir "$base/layers/upper" "$base/layers/work"
[ -z "$disk" ] || cp -a "$disk/." "$base/layers/upper/"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/layers/upper,workdir=$base/layers/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys" -o ro
mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
mkdir "$root/sys/fs/cgroup/systemd"
mount -t cgroup -o none,name=systemd,xattr cgroup "$root/sys/fs/cgroup/systemd"
for dir in run tmp dev usr/lib/systemd/system usr/lib/systemd/system-generators; do mount -t tmpfs tmpfs "$root/$dir"; done
for file in null zero full random urandom tty; do touch "$root/dev/$file"; mount --bind "/dev/$file" "$root/dev/$file"; done
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
mount -t devpts devpts "$root/dev/pts" -o ptmxmode=666
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mkdir -p "$root/usr/lib/moult" "$root$checkout"
mount --bind "$moult" "$root/usr/lib/moult"
mount --bind "$checkout" "$root$checkout"
ln -sf /usr/lib/moult/bin/moult "$root/usr/bin/moult"
echo "$name" > "$root/etc/hostname"
for target in basic sysinit network-online shutdown umount final sockets paths timers slices local-fs exit; do
  printf '[Unit]\\nDescription=%s\\nDefaultDependencies=no\\n' "$target" > "$root/usr/lib/systemd/system/$target.target"
done
printf '[Unit]\\nDescription=multi-user\\nRequires=basic.target\\n' > "$root/usr/lib/systemd/system/multi-user.target"
if [ -z "$disk" ]; then mkdir -p "$root/etc/systemd/system"; find "$root/etc/systemd/system" -mindepth 1 -delete; fi
exec chroot "$root" env -i "PATH=${PATH}" container=other "${SYSTEMD}" --system --unit=multi-user.target --log-target=console --show-status=no
`;

const NAMESPACES = ['--mount', '--pid', '--uts', '--ipc'];

/** Null: it can be done here; otherwise why not. */
export function whyNoSystemd(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(SYSTEMD)) return 'needs systemd';
  const tried = spawnSync('unshare', [
    ...['--mount', '--fork', 'sh', '-euc'],
    'mount -t tmpfs tmpfs /mnt; mkdir /mnt/a /mnt/b /mnt/c; mount -t overlay o -o lowerdir=/,upperdir=/mnt/a,workdir=/mnt/b /mnt/c; mount -t cgroup -o none,name=systemd cgroup /mnt/a',
  ]);
  return tried.status === 0 ? null : 'needs the right to mount overlays and control groups';
}

export class SystemdHost {
  readonly #program: Program;
  readonly #baseDir: string;
  readonly #pid: number;

  private constructor(of: { program: Program; baseDir: string; pid: number }) {
    this.#program = of.program;
    this.#baseDir = of.baseDir;
    this.#pid = of.pid;
  }

  /** Booted. */
  static async boot(options: {
    readonly dir: string;
    readonly name: string;
    /** Made by `saveDisk`; null: an empty one. */
    readonly disk: string | null;
    readonly moultDir: string;
    readonly checkoutDir: string;
  }): Promise<SystemdHost> {
    const { name, disk, moultDir, checkoutDir } = options;
    const baseDir = join(options.dir, name);
    for (const part of ['layers', 'root']) await mkdir(join(baseDir, part), { recursive: true });
    const program = startProgram({
      name: `systemd of ${name}`,
      command: 'unshare',
      args: [
        ...NAMESPACES,
        ...['--fork', '--kill-child', 'sh', '-euc', BOOT, 'boot'],
        ...[baseDir, disk ?? '', name, moultDir, checkoutDir],
      ],
      env: { PATH },
    });
    const childrenPath = `/proc/${program.pid}/task/${program.pid}/children`;
    const host = await until(
      `${name} has booted`,
      async () => {
        if (program.end !== null) throw program.failure('ended');
        const pid = Number(readFileSync(childrenPath, 'utf8').trim().split(' ')[0] ?? 0);
        if (pid === 0) return null;
        const found = new SystemdHost({ program, baseDir, pid });
        const { stdout } = await found.run(['systemctl', 'is-system-running']);
        return /^(running|degraded)/.test(stdout) ? found : null;
      },
      { timeoutMs: BOOT_MS, detail: () => program.tail() },
    );
    return host;
  }

  /** As root of that machine. */
  async run(command: readonly string[], input = ''): Promise<Ran> {
    return await runToEnd({
      name: command.slice(0, 3).join(' '),
      command: 'nsenter',
      args: ['--target', String(this.#pid), ...NAMESPACES, '--root', '--wdns=/', '--', ...command],
      env: { PATH, HOME: '/root', NO_COLOR: '1' },
      timeoutMs: COMMAND_MS,
      input,
    });
  }

  /** What it has written, for others to begin with. */
  async saveDisk(toDir: string): Promise<void> {
    const upper = join(this.#baseDir, 'layers', 'upper');
    await mkdir(toDir, { recursive: true });
    const saved = await runToEnd({
      name: 'saving a disk',
      command: 'nsenter',
      args: ['--target', String(this.#pid), '--mount', '--', 'cp', '-a', `${upper}/.`, toDir],
      env: { PATH },
    });
    if (saved.code !== 0) throw new Error(`${upper} could not be copied: ${saved.stderr}`);
  }

  /** Its power is cut. */
  async end(): Promise<void> {
    await this.#program.kill();
  }

  tail(): string {
    return this.#program.tail();
  }
}
