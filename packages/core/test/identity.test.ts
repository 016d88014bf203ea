import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  judgeSession,
  proofText,
  requestText,
  type SessionRecord,
  sessionAfter,
  ticketOf,
} from '../src/identity.ts';

const NEW: SessionRecord = { counter: 0, ticket: '', previousTicket: '' };

describe('clones (T14)', () => {
  test('an instance alone is welcome for ever, whichever welcomes it never saw', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 50 }), (welcomesSeen) => {
        let known = NEW;
        let ticket = '';
        welcomesSeen.forEach((isSeen, index) => {
          const shown = { counter: index + 1, ticket };
          expect(judgeSession(known, shown)).toBe('welcome');
          known = sessionAfter(shown, `t${index}`);
          if (isSeen) ticket = `t${index}`;
        });
      }),
    );
  });

  test('of an original and its copy that both go on, one is found by the second session at the latest', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 4, maxLength: 12 }), (turns) => {
        const hosts = [
          { counter: 3, ticket: 'c' },
          { counter: 3, ticket: 'c' },
        ];
        let known: SessionRecord = { counter: 3, ticket: 'c', previousTicket: 'b' };
        let isFound = false;
        const order = [...turns, true, false, true, false];
        order.forEach((isFirst, index) => {
          const host = hosts[isFirst ? 0 : 1];
          if (host === undefined || isFound) return;
          host.counter += 1;
          if (judgeSession(known, host) === 'clone') isFound = true;
          else {
            known = sessionAfter(host, `n${index}`);
            host.ticket = known.ticket;
          }
        });
        expect(isFound).toBe(true);
      }),
    );
  });

  test('a counter that was shown before is a clone, with whatever ticket', () => {
    const known = { counter: 5, ticket: 'e', previousTicket: 'd' };
    expect(judgeSession(known, { counter: 5, ticket: 'e' })).toBe('clone');
    expect(judgeSession(known, { counter: 6, ticket: 'c' })).toBe('clone');
    expect(judgeSession(known, { counter: 6, ticket: 'd' })).toBe('welcome');
  });

  test('RS3: a ticket that is newer than what is known was given by a life that is lost; an older one is a copy’s', () => {
    const at = (issuedMs: number) => ticketOf({ issuedMs, random: '0'.repeat(32) });
    const known = { counter: 5, ticket: at(1_000), previousTicket: at(900) };
    expect(judgeSession(known, { counter: 6, ticket: at(1_001) })).toBe('lost');
    expect(judgeSession(known, { counter: 5, ticket: at(1_001) })).toBe('clone');
    expect(judgeSession(known, { counter: 6, ticket: at(999) })).toBe('clone');
    expect(judgeSession({ ...known, ticket: 'e' }, { counter: 6, ticket: 'f' })).toBe('clone');
  });
});

test('two proofs that differ anywhere have two texts', () => {
  const part = fc.string();
  const proof = fc.record({
    nonce: part,
    instanceId: part,
    purpose: fc.constantFrom('serve', 'probe', 'rehearsal' as const),
    version: part,
    digest: part,
    commandNonce: part,
    channelBinding: part,
  });
  fc.assert(
    fc.property(proof, proof, (a, b) => {
      expect(proofText(a as never) === proofText(b as never)).toBe(
        JSON.stringify(a) === JSON.stringify(b),
      );
    }),
  );
});

test('S4: what the requests of a session over HTTPS show is frozen', () => {
  expect(requestText('ab')).toBe('["moult.v1.https","ab"]');
  expect(requestText('')).toBe('["moult.v1.https",""]');
});
