/* What becomes of each order, and whether it may: sent, permitted to drain and to switch, given up (RO1, RO2, RO10, RO23, RO24, C12, C24, C25). */
import type { Change } from './journal.ts';
import { againstDeadline, againstGoingOn } from './judged-anew.ts';
import { type KnownCommand, type KnownMember, type KnownRollout, OPEN } from './known.ts';
import type { LightAgent } from './light-agent.ts';
import { Places } from './places.ts';

export interface OrdersOptions {
  readonly ofCommand: (
    id: string,
  ) => { readonly rollout: KnownRollout; readonly member: KnownMember } | null;
  /** RO51: another way on which it is to come to the same. */
  readonly besides: (command: KnownCommand) => string | null;
  readonly agentOf: (instance: string) => LightAgent | undefined;
  readonly nowMs: () => number;
  readonly fail: (invariant: string, message: string) => void;
  readonly met: (what: string) => void;
}

type Of<K extends Change['on']> = Extract<Change, { readonly on: K }>;

export class Orders {
  readonly commands = new Map<string, KnownCommand>();
  readonly places: Places;
  isInMaintenance = false;
  readonly #options: OrdersOptions;
  readonly #switchGranted = new Set<string>();

  constructor(options: OrdersOptions) {
    this.#options = options;
    this.places = new Places({
      commandOf: (id) => this.commands.get(id),
      isParked: (id) => options.ofCommand(id)?.member.state === 'parked',
    });
  }

  clear(): void {
    this.commands.clear();
    this.places.clear();
    this.isInMaintenance = false;
  }

  isLetToSwitch(id: string): boolean {
    return this.#switchGranted.has(id);
  }

  changed(change: Of<'command'>, isOld: boolean): void {
    const { id, origin, place, state } = change;
    const before = this.commands.get(id);
    const from = before?.state ?? null;
    const known = before ?? { ...change, sentMs: null, hasPlace: place === 1 };
    this.commands.set(id, known);
    known.state = state;
    const kept = this.places.movesWith(known, change.group);
    if (kept !== null) this.#fail('RO56', `${this.#nameOf(known)} ${kept}`);
    if (from === state) return;
    if (known.kind !== 'autoUpgrade') return;
    if (!isOld && from === null) this.#made(known);
    if (!isOld && state === 'sent') this.#sent(known);
    this.places.changed(known);
    if (!isOld && change.code === 'deadline-passed') this.#overdue(known);
    if (!isOld && origin === 'rollout') this.#options.met(`command: ${from ?? 'new'} → ${state}`);
  }

  granted({ command: id, point }: Of<'grant'>): void {
    const isAnew = this.#switchGranted.has(id);
    if (point === 'switch') this.#switchGranted.add(id);
    const command = this.commands.get(id);
    if (command === undefined) return;
    // An attempt that was adopted after a restore is past its switch.
    if (command.origin === 'adopted') return;
    const who = `${this.#nameOf(command)} may ${point} for ${id}`;
    if (!OPEN.has(command.state)) this.#fail('C12', `${who}, which is ${command.state}`);
    if (command.pace === 'fetch-only') this.#fail('RO23', `${who}, which was to fetch`);
    if (!command.hasPlace) this.#takesPlace(command, who);
    this.#mayGoOn(id, who, isAnew);
  }

  /** C25, C18: nothing is repaired to what was made ready, and never given. */
  #made(command: KnownCommand): void {
    const { id, instance, origin, version, pace } = command;
    const besides = this.#options.besides(command);
    if (besides !== null)
      this.#fail('RO51', `${this.#nameOf(command)} has ${id} beside its turn in ${besides}`);
    if (pace !== 'now') this.#options.met(`pace: ${pace}`);
    const agent = this.#options.agentOf(instance);
    if (origin === 'repair' && agent?.upgrade.versions.has(version) === false)
      this.#fail('C25', `${agent.name} is to go back to ${version} by ${id}, and never had it`);
  }

  #sent(command: KnownCommand): void {
    command.sentMs = this.#options.nowMs();
    const who = `${command.id} of ${this.#nameOf(command)} is sent`;
    if (this.isInMaintenance) this.#fail('C24', `${who}, and the coordinator is in maintenance`);
    if (command.origin === 'manual') return;
    const taken = this.places.againstSending(command);
    if (command.hasPlace && taken !== null) this.#fail('RO1', `${who}: ${taken}`);
    this.#mayGoOn(command.id, who);
  }

  /** RO24 */
  #takesPlace(command: KnownCommand, who: string): void {
    if (this.isInMaintenance) this.#fail('C24', `${who}, and the coordinator is in maintenance`);
    const taken = this.places.againstSending(command);
    if (taken !== null) this.#fail('RO24', `${who}: ${taken}`);
    command.hasPlace = true;
  }

  /** RO33 */
  #overdue(command: KnownCommand): void {
    const agent = this.#options.agentOf(command.instance);
    const against = againstDeadline(command, { agent, nowMs: this.#options.nowMs() });
    if (against === null) this.#options.met(`deadline: ${agent?.upgrade.step}`);
    else this.#fail(against.invariant, `${agent?.name} is too late, and ${against.why}`);
  }

  #mayGoOn(id: string, who: string, isAnew = false): void {
    const found = this.#options.ofCommand(id);
    if (found === null) return;
    const against = againstGoingOn(found.rollout, found.member);
    // RO10: whoever cancelled was told that it is too late for this one.
    const isTooLate = isAnew && against?.invariant === 'RO10';
    if (against !== null && !isTooLate) this.#fail(against.invariant, `${who}, and ${against.why}`);
  }

  #nameOf({ instance }: KnownCommand): string {
    return this.#options.agentOf(instance)?.name ?? instance;
  }

  #fail(invariant: string, message: string): void {
    this.#options.fail(invariant, message);
  }
}
