// Boxes and what covers them, against every point of small spaces.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addBit, type Bits, emptyBits, fullBits, hasBit } from '../../../../policy/algebra/bits.ts';
import { type Box, covers, meet, Undecided, uncovered } from '../../../../policy/algebra/cover.ts';

const SEED = Number(process.env['SALLYPORT_COVER_SEED'] ?? Date.now() & 0x7fffffff);
const SIZES = [3, 2, 4];

const side = (size: number): fc.Arbitrary<Bits> =>
  fc
    .subarray(
      Array.from({ length: size }, (_, i) => i),
      { minLength: 1 },
    )
    .map((members) => {
      const bits = emptyBits(size);
      for (const member of members) addBit(bits, member);
      return bits;
    });
const box: fc.Arbitrary<Box> = fc.tuple(...SIZES.map(side));

function* points(): Generator<number[]> {
  for (let a = 0; a < 3; a++) for (let b = 0; b < 2; b++) for (let c = 0; c < 4; c++) yield [a, b, c];
}
const isIn = (point: readonly number[], of: Box): boolean =>
  of.every((bits, axis) => hasBit(bits, point[axis] ?? -1));

describe('what is left of a box', () => {
  test(`is left by all, and nothing is when there is no such point (seed ${SEED})`, () => {
    fc.assert(
      fc.property(box, fc.array(box, { maxLength: 8 }), (whole, others) => {
        const left = uncovered(whole, others, { left: 10_000 });
        const free = [...points()].filter((p) => isIn(p, whole) && !others.some((other) => isIn(p, other)));
        expect(left === null).toBe(free.length === 0);
        if (left === null) return;
        for (const point of points())
          if (isIn(point, left)) expect(free.map(String)).toContain(String(point));
      }),
      { numRuns: 3_000, seed: SEED },
    );
  });

  test(`is found within the work that was granted (seed ${SEED})`, () => {
    const all = SIZES.map(fullBits);
    expect(() => uncovered(all, [all], { left: 1 })).toThrow(Undecided);
    expect(uncovered(all, [all], { left: 2 })).toBeNull();
  });
});

test(`what two boxes share (seed ${SEED})`, () => {
  fc.assert(
    fc.property(box, box, (a, b) => {
      const both = meet(a, b);
      for (const point of points())
        expect(isIn(point, a) && isIn(point, b)).toBe(both !== null && isIn(point, both));
      expect(covers(a, b)).toBe([...points()].every((point) => !isIn(point, b) || isIn(point, a)));
    }),
    { numRuns: 500, seed: SEED },
  );
});
