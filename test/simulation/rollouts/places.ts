/*
 * RO1, RO23, RO24: who has a place of its group, counted by the journal alone: whom a rollout has begun with, whichever it is, and
 * what was ordered beside rollouts and is on its way. At a soft pace it is had from the permission to drain on; who only fetches has none.
 */
import { GroupLimits } from './group-limits.ts';
import { IN_FLIGHT, type KnownCommand, type KnownMember, OPEN, setIn } from './known.ts';
import type { LightAgent } from './light-agent.ts';

export class Places {
  readonly limits = new GroupLimits();
  /** By group and component: commands on their way, and members that were begun with. */
  readonly #inFlight = new Map<string, Set<KnownCommand>>();
  readonly #upgrading = new Map<string, Set<KnownMember>>();
  readonly #commandOf: (id: string) => KnownCommand | undefined;
  readonly #isParked: (commandId: string) => boolean;

  constructor(options: {
    readonly commandOf: (id: string) => KnownCommand | undefined;
    readonly isParked: (commandId: string) => boolean;
  }) {
    this.#commandOf = options.commandOf;
    this.#isParked = options.isParked;
  }

  clear(): void {
    for (const map of [this.#inFlight, this.#upgrading, this.limits]) map.clear();
  }

  /** RO56 */
  moves(member: KnownMember, component: string, to: string): void {
    if (member.group === to) return;
    setIn(this.#upgrading, `${member.group} ${component}`).delete(member);
    member.group = to;
    this.moved(member, component);
  }

  /** RO56: null, or what keeps it where it is. */
  movesWith(command: KnownCommand, to: string): string | null {
    const { group, component, hasPlace, state, id } = command;
    if (group === to) return null;
    const isKept = hasPlace && IN_FLIGHT.has(state) && command.kind === 'autoUpgrade';
    setIn(this.#inFlight, `${group} ${component}`).delete(command);
    command.group = to;
    this.changed(command);
    return isKept ? `leaves ${group} with a place of it, for ${id}` : null;
  }

  moved(member: KnownMember, component: string): void {
    const all = setIn(this.#upgrading, `${member.group} ${component}`);
    if (member.state === 'upgrading') all.add(member);
    else all.delete(member);
    // RO24: who is busy gives it back.
    const command = this.#commandOf(member.command ?? '');
    if (member.state === 'parked' && command?.pace === 'soft') command.hasPlace = false;
  }

  changed(command: KnownCommand): void {
    const all = setIn(this.#inFlight, `${command.group} ${command.component}`);
    if (IN_FLIGHT.has(command.state)) all.add(command);
    else all.delete(command);
  }

  /** What takes places beside one that would start; null: there is room. */
  againstStart(group: string, component: string): string | null {
    const key = `${group} ${component}`;
    const members = [...setIn(this.#upgrading, key)].filter(
      ({ command }) => this.#commandOf(command ?? '')?.hasPlace !== false,
    );
    const others = [...setIn(this.#inFlight, key)].filter(
      ({ origin, hasPlace }) => origin !== 'rollout' && hasPlace,
    );
    const max = this.limits.now(group);
    return members.length + others.length < max
      ? null
      : `${members.length} and ${others.length} of ${group} are in flight, ${max} may`;
  }

  /** The same of one that would be sent. */
  againstSending(command: KnownCommand): string | null {
    const all = setIn(this.#inFlight, `${command.group} ${command.component}`);
    const others = [...all].filter((other) => other !== command && other.hasPlace).length;
    const max = this.limits.now(command.group);
    return others < max ? null : `${others} are in flight, ${max} may`;
  }

  /**
   * By what is so on the hosts, when one stops working for its order; null: as many as may be. Who is away and parked has no
   * place (RO34), also where a lost life of the store had it stop working: the restored one cannot know (RO1).
   */
  againstDown(
    agent: LightAgent,
    of: { readonly agents: readonly LightAgent[]; readonly nowMs: number },
  ): string | null {
    const { group } = agent;
    const others = of.agents.filter((other) => {
      const own = this.#commandOf(other.upgrade.job?.commandId ?? '');
      if (own === undefined || own.origin === 'manual' || !OPEN.has(own.state)) return false;
      const isCounted = other.isLive || !this.#isParked(own.id);
      return other !== agent && other.group === group && other.upgrade.isDown && isCounted;
    });
    const max = this.limits.lately(group, of.nowMs);
    const names = [agent, ...others].map(({ name }) => name).join(', ');
    return others.length < max ? null : `${names} of ${group} do not work at once, ${max} may`;
  }
}
