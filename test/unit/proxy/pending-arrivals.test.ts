// Who gets a place among the handshakes, who waits, and who gives way.
import net from 'node:net';
import { expect, test } from 'vitest';
import { type Arrival, PendingArrivals } from '../../../proxy/pending-arrivals.ts';

const END = { ip: '10.0.0.1', port: 1 };
const arrival = (sourceIp: string): Arrival => ({
  socket: new net.Socket(),
  sourceIp,
  destinationIp: 'd',
  client: { source: END, destination: END, from: 'peer' },
});

/** `a a b`: arrivals in this order, one millisecond apart; those without a place wait. */
function pending(
  sources: string,
  max: { places: number; waiting: number },
): { arrivals: PendingArrivals; all: Arrival[]; losers: (number | null)[] } {
  const arrivals = new PendingArrivals(max);
  const all = sources.split(' ').map(arrival);
  const losers = all.map((one, i) => {
    if (arrivals.place(one, i)) return null;
    const loser = arrivals.wait(one, i);
    if (loser !== null) arrivals.delete(loser);
    return loser === null ? null : all.indexOf(loser);
  });
  return { arrivals, all, losers };
}

const full = [
  { name: 'as many as may wait', sources: 'p a a a', expect: null },
  { name: 'the last of the greedy address leaves for a newcomer', sources: 'p b a a c', expect: 3 },
  { name: 'the greedy address displaces nobody', sources: 'p a a b a', expect: 4 },
  { name: 'equal shares displace nobody', sources: 'p a b c a', expect: 4 },
  { name: 'a place does not count', sources: 'p p a b p', expect: 4 },
];

test.each(full)('the waiting room: $name', ({ sources, expect: last }) => {
  const { losers } = pending(sources, { places: 1, waiting: 3 });
  expect(losers.pop()).toBe(last);
});

const turns = [
  { name: 'the first, of one address', sources: 'a a a a', ended: 0, expect: 2 },
  { name: 'of the address with fewest places', sources: 'a b a b', ended: 0, expect: 2 },
  { name: 'one that has no place goes first', sources: 'a a a b', ended: 0, expect: 3 },
];

test.each(turns)('a free place goes to $name', ({ sources, ended, expect: index }) => {
  const { arrivals, all } = pending(sources, { places: 2, waiting: 9 });
  expect(arrivals.next(9)).toBe(null);
  arrivals.delete(all[ended] as Arrival);
  expect(arrivals.next(9)).toBe(all[index]);
  expect(arrivals.next(9)).toBe(null);
  expect(arrivals.waiting).toBe(1);
});

test('everybody gets a place in turn, and the places are free afterwards', () => {
  const { arrivals, all } = pending('a b c d e f', { places: 2, waiting: 9 });
  const order: number[] = [];
  for (const now of [all[0], all[1]]) arrivals.delete(now as Arrival);
  for (let next = arrivals.next(9); next !== null; next = arrivals.next(9)) {
    order.push(all.indexOf(next));
    arrivals.delete(next);
  }
  expect(order).toEqual([2, 3, 4, 5]);
  expect(arrivals.size).toBe(0);
  expect([arrival('g'), arrival('h'), arrival('i')].map((one) => arrivals.place(one, 10))).toEqual([
    true,
    true,
    false,
  ]);
});

/** Lets the arrivals at `indexes` have said something. */
function speak(all: readonly Arrival[], indexes: readonly number[]): void {
  for (const i of indexes) Object.defineProperty(all[i]?.socket, 'bytesRead', { value: 517 });
}

const old: { name: string; sources: string; spoke?: number[]; nowMs: number; expect: number[] }[] = [
  { name: 'nobody, while nobody waits', sources: 'a b', nowMs: 9_000, expect: [] },
  { name: 'nobody who is young', sources: 'a b c', nowMs: 999, expect: [] },
  { name: 'those who are old', sources: 'a b c', nowMs: 1_000, expect: [0] },
  { name: 'every place, and none that waits', sources: 'a b c d', nowMs: 9_000, expect: [0, 1] },
  { name: 'only who is silent', sources: 'a a a', spoke: [0], nowMs: 9_000, expect: [1] },
  {
    name: 'nobody who goes on, for one of the same address',
    sources: 'a a a',
    spoke: [0, 1],
    nowMs: 9_000,
    expect: [],
  },
  {
    name: 'who goes on and has more than a newcomer',
    sources: 'a a b',
    spoke: [0, 1],
    nowMs: 9_000,
    expect: [0, 1],
  },
  { name: 'nobody who goes on and has no more', sources: 'a b c', spoke: [0, 1], nowMs: 9_000, expect: [] },
];

test.each(old)('$name gives its place up', ({ sources, spoke = [], nowMs, expect: indexes }) => {
  const { arrivals, all } = pending(sources, { places: 2, waiting: 9 });
  speak(all, spoke);
  expect([...arrivals.old(nowMs)].map((one) => all.indexOf(one))).toEqual(indexes);
});

test('those that are here long enough are told in order, and may be forgotten meanwhile', () => {
  const { arrivals, all } = pending('a b c d', { places: 2, waiting: 9 });
  const told: [number, boolean][] = [];
  for (const { arrival: one, placed } of arrivals.since(2)) {
    told.push([all.indexOf(one), placed]);
    expect(arrivals.delete(one)).toBe(true);
    expect(arrivals.delete(one)).toBe(false);
  }
  expect(told).toEqual([
    [0, true],
    [1, true],
    [2, false],
  ]);
  expect(arrivals.size).toBe(1);
});

test('behind one balancer, who has many places gives one up, and who says nothing as well', () => {
  const arrivals = new PendingArrivals({ places: 3, waiting: 9 });
  const by = (ip: string, bytesRead: number): Arrival => {
    const one = arrival('balancer');
    Object.defineProperty(one.socket, 'bytesRead', { value: bytesRead });
    return Object.assign(one, {
      headerBytes: 28,
      client: { source: { ip, port: 1 }, destination: { ip: 'd', port: 2 }, from: 'proxy-protocol' },
    });
  };
  const [silent, goesOn, alone] = [by('a', 28), by('a', 545), by('b', 545)];
  for (const one of [silent, goesOn, alone]) expect(arrivals.place(one, 0)).toBe(true);
  arrivals.wait(arrival('balancer'), 1);
  expect([...arrivals.old(2_000)]).toEqual([silent, goesOn]);
});
