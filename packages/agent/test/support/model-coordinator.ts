import type { AgentMessages, OutputItem } from '@moult/protocol';

type Output = AgentMessages['output'];

/** Stores by the rule of the real one: what it has is not stored again, and a gap takes what it covers. */
export class ModelCoordinator {
  epoch = '';
  sequence = 0;
  stored: { readonly first: number; readonly last: number; readonly item: OutputItem }[] = [];

  store({ epoch, firstSequence, items }: Output): void {
    if (epoch !== this.epoch) {
      this.epoch = epoch;
      this.sequence = 0;
    }
    let last = firstSequence - 1;
    for (const item of items) {
      const first = last + 1;
      last += item.item === 'gap' ? Math.max(1, item.gap.covers) : 1;
      if (last <= this.sequence) continue;
      this.stored.push({ first, last, item });
      this.sequence = last;
    }
  }
}
