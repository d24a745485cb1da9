// What an emergency policy does to the policies that are there, for people: shown before it is written.
import type { Change } from '../../policy/algebra/differences.ts';
import type { EmergencyEffect } from '../../policy/emergency/effect.ts';
import type { Policy } from '../../policy/model.ts';
import type { Io } from '../io.ts';
import { paint } from '../paint.ts';
import { becauseOf, type Places } from './diff.ts';
import { exampleText } from './example.ts';

/** Changes shown: the first ones tell whether the target is the right one. */
const SHOWN_MAX = 5;
const INDENT = ' '.repeat(4);

/** One line for each change with a request below it; `present` are the policies that were read. */
export function effectText(io: Io, effect: EmergencyEffect, present: readonly Policy[]): string {
  const { found, beaten } = effect;
  const places = placesOf(present);
  const line = (sign: string, because: string, examples: Change['examples']): string => {
    const shown = examples.map((example) => `${INDENT}${paint(io, 'dim', exampleText(example))}\n`);
    return `${sign} ${because}\n${shown.join('')}`;
  };
  const changes = found.changes.map((change) =>
    line(
      change.kind === 'widening' ? '+' : '-',
      becauseOf(change, { old: places, next: places }),
      change.examples,
    ),
  );
  const open = found.undecided.map(
    (one) => `? ${becauseOf(one, { old: places, next: places })}: ${one.why}\n`,
  );
  const denied = beaten.map(({ deniedBy, examples }) => {
    const rule = deniedBy ?? 'the default';
    const place = places.get(rule);
    return line('!', `${rule}${place === undefined ? '' : ` (${place})`} still denies`, examples);
  });
  return [...short(changes), ...short(open), ...short(denied)].join('');
}

const short = (lines: readonly string[]): string[] =>
  lines.length <= SHOWN_MAX
    ? [...lines]
    : [...lines.slice(0, SHOWN_MAX), `  and ${lines.length - SHOWN_MAX} more\n`];

/** `file:line` by rule. */
const placesOf = (policies: readonly Policy[]): Places =>
  new Map(
    policies.flatMap(({ rules }) => rules.map(({ id, at }) => [id, `${at.file}:${at.line ?? 1}`] as const)),
  );
