// One random case: what to read, how to cut it, and from where it came.
import type { Kind } from './compare.ts';
import { requests, responses } from './grammar.ts';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';

export interface Case {
  readonly kind: Kind;
  /** Latin1. */
  readonly text: string;
  readonly cuts: readonly number[];
}

/** The case of `seed`: three of four are mutated. */
export function caseOf(seed: number): Case {
  const random = new Random(seed);
  const kind: Kind = random.pick<Kind>([
    'requests',
    'requests',
    'requests',
    'responses to GET',
    'responses to HEAD',
  ]);
  const make = kind === 'requests' ? requests : responses;
  let text = make(random);
  if (random.chance(0.75)) text = mutate(random, text, make(random));
  return { kind, text, cuts: random.cuts(text.length) };
}
