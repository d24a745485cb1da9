// Who gives way when every handshake place is taken.
import net from 'node:net';
import { expect, test } from 'vitest';
import { type Arrival, PendingArrivals } from '../../../proxy/pending-arrivals.ts';

/** `a a b`: arrivals in this order, one millisecond apart. */
function pending(sources: string): { arrivals: PendingArrivals; all: Arrival[] } {
  const arrivals = new PendingArrivals();
  const all = sources
    .split(' ')
    .map((sourceIp) => ({ socket: new net.Socket(), sourceIp, destinationIp: 'd' }));
  for (const [i, arrival] of all.entries()) arrivals.add(arrival, i);
  return { arrivals, all };
}

const rows = [
  {
    name: 'a newcomer displaces the first of the greedy address',
    sources: 'b a a a',
    from: 'c',
    nowMs: 5,
    expect: 1,
  },
  { name: 'the greedy address displaces nobody', sources: 'a a a b', from: 'a', nowMs: 5, expect: -1 },
  { name: 'equal shares displace nobody', sources: 'a b', from: 'c', nowMs: 5, expect: -1 },
  { name: 'what one place would only turn around stays', sources: 'a a b', from: 'b', nowMs: 5, expect: -1 },
  { name: 'the oldest gives way once it is old', sources: 'a a a', from: 'a', nowMs: 1_000, expect: 0 },
  { name: 'just before that it does not', sources: 'a a a', from: 'a', nowMs: 999, expect: -1 },
];

test.each(rows)('$name', ({ sources, from, nowMs, expect: index }) => {
  const { arrivals, all } = pending(sources);
  expect(arrivals.giveWay(from, nowMs)).toBe(all[index] ?? null);
});

test('those that wait long enough are told in order, and may be forgotten meanwhile', () => {
  const { arrivals, all } = pending('a b c d');
  const told: Arrival[] = [];
  for (const arrival of arrivals.waitingSince(2)) {
    told.push(arrival);
    expect(arrivals.delete(arrival)).toBe(true);
    expect(arrivals.delete(arrival)).toBe(false);
  }
  expect(told).toEqual(all.slice(0, 3));
  expect(arrivals.size).toBe(1);
});
