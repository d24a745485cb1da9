// The conditions of a rule, whatever they stand in.
import type { Condition, Rule } from '../model.ts';

/** Those of `from`, `to` and `when`. */
export const conditionsOf = ({ from, to, when }: Rule): Condition[] => [
  ...(from ?? []).flat(),
  ...(to ?? []).flat(),
  ...when,
];
