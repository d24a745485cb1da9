// How certificates look on a terminal of 80 columns: bars of validity, trees, and names that are cut to fit.
import type { Validity } from '../certs/inspect.ts';
import type { Io } from './io.ts';
import { paint } from './paint.ts';

const WIDTH = 80;
const BAR = 20;
const LABEL = 12;

const COLORS = { valid: 'green', late: 'yellow', expired: 'red', 'not-yet-valid': 'red' } as const;

/** `[######|.............] 20 d left of 30 d`: the mark is now. */
export function validityBar(io: Io, validity: Validity): string {
  const at = Math.min(Math.floor((validity.percent / 100) * BAR), BAR - 1);
  const bar = `[${'#'.repeat(at)}|${'.'.repeat(BAR - 1 - at)}]`;
  return paint(io, COLORS[validity.state], `${bar} ${validityText(validity)}`);
}

/** The same in words. */
function validityText({ state, secondsLeft, secondsTotal }: Validity): string {
  if (state === 'expired') return `expired ${duration(-secondsLeft)} ago`;
  if (state === 'not-yet-valid') return `not valid yet, for another ${duration(secondsLeft - secondsTotal)}`;
  const left = `${duration(secondsLeft)} left of ${duration(secondsTotal)}`;
  return state === 'late' ? `${left}: in its last third` : left;
}

/** The two largest units of a time. */
export function duration(seconds: number): string {
  const s = Math.max(seconds, 0);
  const [days, hours, minutes] = [
    Math.floor(s / 86_400),
    Math.floor(s / 3_600) % 24,
    Math.floor(s / 60) % 60,
  ];
  if (days >= 365) return `${Math.floor(days / 365)} y ${days % 365} d`;
  if (days > 0) return hours === 0 ? `${days} d` : `${days} d ${hours} h`;
  if (hours > 0) return minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${s} s`;
}

/** A label and its value, on as many lines as 80 columns take. */
export function row(io: Io, label: string, value: string): void {
  const lines = wrapped(value, WIDTH - LABEL - 3);
  for (const [i, line] of lines.entries())
    io.out(`  ${paint(io, 'dim', (i === 0 ? label : '').padEnd(LABEL))} ${line}\n`);
}

/** A value that is painted already and fits. */
export function paintedRow(io: Io, label: string, value: string): void {
  io.out(`  ${paint(io, 'dim', label.padEnd(LABEL))} ${value}\n`);
}

/** `text` in lines of at most `width`, broken at spaces where there are some. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const end = space > width / 2 ? space : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}

/** One certificate of a tree. */
export interface Branch {
  readonly name: string;
  /** Where it stands, e.g. `leaf` or `anchor, ca.pem`. */
  readonly role: string;
  readonly validity: Validity;
}

/** A chain from the leaf down to what vouches for it, each a step further in. */
export function tree(io: Io, branches: readonly Branch[]): void {
  for (const [depth, { name, role, validity }] of branches.entries()) {
    const indent = `${'  '.repeat(depth + 1)}`;
    const lead = depth === 0 ? '' : '└ ';
    io.out(`${indent}${lead}${cut(name, WIDTH - indent.length - lead.length)}\n`);
    const inner = `${indent}${depth === 0 ? '' : '  '}`;
    const color = COLORS[validity.state];
    const text = wrapped(`${role}; `, WIDTH - inner.length)
      .join('')
      .trimEnd();
    const said = validityText(validity);
    if (inner.length + text.length + said.length + 1 <= WIDTH)
      io.out(`${inner}${paint(io, 'dim', text)} ${paint(io, color, said)}\n`);
    else {
      for (const line of wrapped(text, WIDTH - inner.length)) io.out(`${inner}${paint(io, 'dim', line)}\n`);
      io.out(`${inner}${paint(io, color, said)}\n`);
    }
  }
}

const cut = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text;
