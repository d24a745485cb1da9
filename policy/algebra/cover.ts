// Boxes, products of one set for each field, and the question whether some of them cover another one: by
// splitting it along what sticks out, until a part lies in a box or meets none.
import { type Bits, contains, difference, intersection, intersects, isEmpty } from './bits.ts';

/** One set of classes for each dimension. No set is empty; boxes share sets that are equal. */
export type Box = readonly Bits[];

/** Work that is left, shared by the questions of one comparison: boxes looked at. */
export interface Budget {
  left: number;
}

/** Thrown when the budget is spent: the question stays open. */
export class Undecided extends Error {}

/**
 * A part of `box` that none of `others` meets, or null when they cover it.
 * @throws Undecided
 */
export function uncovered(box: Box, others: readonly Box[], budget: Budget): Box | null {
  budget.left -= others.length + 1;
  if (budget.left < 0) throw new Undecided();
  const meeting: Box[] = [];
  // Of the boxes that meet it the one that leaves the fewest parts over.
  let best: Box | null = null;
  let fewest = Infinity;
  for (const cover of others) {
    if (!meets(box, cover)) continue;
    const parts = lacking(box, cover);
    if (parts === 0) return null;
    meeting.push(cover);
    if (parts < fewest) [best, fewest] = [cover, parts];
  }
  if (best === null) return box;
  const rest = meeting.filter((cover) => cover !== best);
  let inner = box;
  for (const [dimension, side] of best.entries()) {
    const whole = inner[dimension] ?? side;
    if (whole === side) continue;
    const outside = difference(whole, side);
    if (isEmpty(outside)) continue;
    const found = uncovered(replaced(inner, dimension, outside), rest, budget);
    if (found !== null) return found;
    inner = replaced(inner, dimension, intersection(whole, side));
  }
  return null;
}

/** What two boxes share, or null when nothing. */
export function meet(a: Box, b: Box): Box | null {
  if (!meets(a, b)) return null;
  return a.map((side, i) => {
    const other = b[i] ?? side;
    return side === other ? side : intersection(side, other);
  });
}

export function meets(a: Box, b: Box): boolean {
  for (let i = 0; i < a.length; i++) {
    const [side, other] = [a[i], b[i]];
    if (side !== other && side !== undefined && other !== undefined && !intersects(side, other)) return false;
  }
  return true;
}

/** True when `box` is within `cover`. */
export const covers = (cover: Box, box: Box): boolean => lacking(box, cover) === 0;

/** In how many dimensions `box` reaches beyond `cover`. */
function lacking(box: Box, cover: Box): number {
  let count = 0;
  for (let i = 0; i < box.length; i++) {
    const [side, other] = [box[i], cover[i]];
    if (side !== other && side !== undefined && other !== undefined && !contains(other, side)) count++;
  }
  return count;
}

function replaced(box: Box, dimension: number, side: Bits): Box {
  const copy = [...box];
  copy[dimension] = side;
  return copy;
}
