// Memory that is used again: given back, bounded, and let go when nobody needs it.
import { describe, expect, test } from 'vitest';
import { FreeList } from '../../../../proxy/http2/free-list.ts';

function filled(count: number, most = 1_000): FreeList<number> {
  const list = new FreeList<number>(most);
  for (let i = 0; i < count; i++) list.give(i);
  return list;
}

describe('FreeList', () => {
  test('gives what it was given, then nothing', () => {
    const list = filled(2);
    expect([list.take(), list.take(), list.take()]).toEqual([1, 0, undefined]);
  });

  test('keeps no more than it may', () => expect(filled(20, 7).length).toBe(7));

  test('lets go, a little at a time, what nobody took', () => {
    const list = filled(1_000);
    list.trim(); // from here on it is known what was needed
    const lengths = Array.from({ length: 3 }, () => {
      list.trim();
      return list.length;
    });
    expect(lengths).toEqual([938, 880, 826]);
    for (let i = 0; i < 200; i++) list.trim();
    expect(list.length).toBe(16);
  });

  test('keeps what is taken and given back all the time', () => {
    const list = filled(500);
    list.trim();
    for (let tick = 0; tick < 50; tick++) {
      const taken = Array.from({ length: 500 }, () => list.take());
      for (const one of taken) if (one !== undefined) list.give(one);
      list.trim();
    }
    expect(list.length).toBe(500);
  });
});
