/* What each kind of fault does to the world. Those that last end by themselves, or when the world is mended. */
import type { Fault, FaultKind } from './faults.ts';
import { LAYOUT } from './paths.ts';
import type { World } from './world.ts';

const TEN_YEARS_MS = 10 * 365 * 86_400_000;
const BOOT_MS_MAX = 90_000;
const DISK_STUCK_MS_MAX = 50_000;

type Strike = (world: World, fault: Fault) => void;

const STRIKES: Readonly<Record<FaultKind, Strike>> = {
  'kill-agent': (world) => world.killAgents(),
  'kill-launcher': (world) => world.unit.process?.kill(),
  'kill-both': (world) => {
    world.killAgents();
    world.unit.process?.kill();
  },
  'power-cut': (world) => cutPower(world),
  'power-cut-and-damage': (world) => {
    cutPower(world);
    const text = world.random.pick(['', '{', '{"format":1,"revision":1}', 'rubbish', '\0\0\0\0']);
    world.files.damage(LAYOUT.bootRecordPath, text);
    world.invariants.damaged();
  },
  reboot: (world) => world.unit.stop(() => boot(world, () => world.files.syncAll())),
  // At once or a little later, when whatever follows has begun.
  'stop-launcher': (world) =>
    world.scheduler.after(world.random.chance(0.5) ? 0 : world.random.between(1, 30_000), () => {
      if (!world.isMended)
        world.unit.stop(() => world.scheduler.after(100, () => world.unit.start()));
    }),
  outage: lasting((world, isOn) => {
    world.network.isDown = isOn;
    if (isOn) world.network.breakAll();
  }),
  // While somebody is still asking whether it is there.
  'world-back': (world) => {
    world.network.isDown = false;
    world.network.cut = 'none';
    world.coordinator.isUp = true;
    world.coordinator.isBusy = false;
    world.isMetadataAway = false;
  },
  'cut-upwards': lasting((world, isOn) => {
    world.network.cut = isOn ? 'up' : 'none';
  }),
  'cut-downwards': lasting((world, isOn) => {
    world.network.cut = isOn ? 'down' : 'none';
  }),
  'never-answered': lasting((world, isOn) => {
    world.network.isDeaf = isOn;
    if (isOn) world.network.breakAll();
  }),
  'certificate-refused': lasting((world, isOn) => {
    world.network.isRefused = isOn;
    if (isOn && world.random.chance(0.5)) world.network.breakAll();
  }),
  'proof-unanswered': lasting((world, isOn) => {
    world.coordinator.isMute = isOn;
    if (isOn) world.network.breakAll();
  }),
  'probes-hang': lasting((world, isOn) => {
    world.areProbesHanging = isOn;
  }),
  'metadata-slow': lasting((world, isOn) => {
    // The agent's own deadline for a refresh is two minutes.
    world.metadataDelayMs = isOn ? world.random.spread(10_000, 110_000) : null;
  }),
  'coordinator-away': lasting((world, isOn) => {
    world.coordinator.isUp = !isOn;
    if (isOn) world.coordinator.restart();
  }),
  'coordinator-busy': lasting((world, isOn) => {
    world.coordinator.isBusy = isOn;
    if (isOn) world.coordinator.restart();
  }),
  'coordinator-slow': lasting((world, isOn) => {
    world.coordinator.isSlow = isOn;
  }),
  'coordinator-forgetful': lasting((world, isOn) => {
    world.coordinator.isForgetful = isOn;
  }),
  'coordinator-repeating': lasting((world, isOn) => {
    world.coordinator.isRepeating = isOn;
  }),
  'coordinator-reluctant': lasting((world, isOn) => {
    world.coordinator.isReluctant = isOn;
  }),
  'coordinator-confused': lasting((world, isOn) => {
    world.coordinator.isConfused = isOn;
  }),
  'coordinator-restart': (world) => world.coordinator.restart(),
  'metadata-away': lasting((world, isOn) => {
    world.isMetadataAway = isOn;
  }),
  'connections-break': (world) => world.network.breakAll(),
  'disk-full': lasting((world, isOn) => {
    world.files.isFull = isOn;
  }),
  'disk-slow': lasting((world, isOn) => {
    world.isDiskSlow = isOn;
  }),
  // Less than what a unit's watchdog waits for a launcher.
  'disk-stuck': (world) => {
    world.diskStuckUntilMs = world.scheduler.nowMs + world.random.between(100, DISK_STUCK_MS_MAX);
  },
  'disk-error': (world) => {
    world.diskErrorsDue += world.random.between(1, 3);
  },
  // What was renamed shows, and whoever wrote it was told that it failed.
  'disk-sync-error': lasting((world, isOn) => {
    world.isRecordUnsyncable = isOn;
  }),
  'no-handles': lasting((world, isOn) => {
    world.isOutOfHandles = isOn;
  }),
  // Somebody sets it right again in the end.
  'clock-forward': lasting((world, isOn) => {
    world.wallOffsetMs += isOn ? TEN_YEARS_MS : -TEN_YEARS_MS;
  }),
  'clock-back': lasting((world, isOn) => {
    world.wallOffsetMs += isOn ? -TEN_YEARS_MS : TEN_YEARS_MS;
  }),
  suspend: (world, fault) => world.hostClock.suspend(8 * fault.durationMs),
  stall: (world, fault) => world.scheduler.stall(Math.min(fault.durationMs, 600_000)),
  revoke: (world) => {
    const { orders, controls } = world.coordinator;
    const open = [...orders, ...controls.rows, ...world.tasks.rows].filter(
      (row) => row.ends.length === 0,
    );
    if (open.length > 0) world.coordinator.revoke(world.random.pick(open));
  },
  'unasked-rejection': (world) => world.coordinator.rejectUnasked(),
  reject: (world) => {
    const order = world.coordinator.orders.findLast((row) => row.ends.length === 0);
    if (order !== undefined) order.isToReject = true;
  },
};

export function strike(world: World, fault: Fault): void {
  STRIKES[fault.kind](world, fault);
}

/** The world works again, all of it. */
export function mend(world: World): void {
  world.network.isDown = false;
  world.network.cut = 'none';
  world.network.isDeaf = false;
  world.network.isRefused = false;
  world.isMetadataAway = false;
  world.metadataDelayMs = null;
  world.areProbesHanging = false;
  world.setClockRight();
  world.files.isFull = false;
  world.isDiskSlow = false;
  world.diskStuckUntilMs = 0;
  world.diskErrorsDue = 0;
  world.isRecordUnsyncable = false;
  world.isOutOfHandles = false;
  const { coordinator } = world;
  coordinator.isUp = true;
  coordinator.isBusy = false;
  coordinator.isSlow = false;
  coordinator.isMute = false;
  coordinator.isForgetful = false;
  coordinator.isRepeating = false;
  coordinator.isReluctant = false;
  coordinator.isConfused = false;
}

function lasting(set: (world: World, isOn: boolean) => void): Strike {
  return (world, fault) => {
    set(world, true);
    world.scheduler.after(fault.durationMs, () => {
      if (!world.isMended) set(world, false);
      world.trace(`over: ${fault.kind}`);
    });
  };
}

function cutPower(world: World): void {
  world.unit.cut();
  world.killAgents();
  world.network.breakAll();
  boot(world, () => undefined);
  world.files.powerCut();
  world.invariants.cut();
}

function boot(world: World, beforehand: () => void): void {
  beforehand();
  world.nextBoot();
  world.trace('the machine starts', world.bootId);
  world.scheduler.after(world.random.spread(3_000, BOOT_MS_MAX), () => world.unit.start());
}
