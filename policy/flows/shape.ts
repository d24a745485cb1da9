// Checks parsed JSON value by value. The first fault is kept and a harmless value stands in, so that a reader
// of a shape is one expression.
import { parseSpiffeId } from '../../core/spiffe-id.ts';
import { parseRfc3339 } from '../rfc3339.ts';

/** Bounds of a number, both included. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** True for a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const EMPTY: Readonly<Record<string, unknown>> = {};
/** SPIFFE IDs remembered as sound: files repeat the same few. */
const SOUND_IDS_MAX = 10_000;

/** Reads one value after the other; `fault` says what was wrong with the first bad one since `begin`. */
export class ShapeReader {
  fault: string | null = null;
  readonly #soundIds = new Set<string>();

  begin(): void {
    this.fault = null;
  }

  complain(name: string, what: string): void {
    this.fault ??= `\`${name}\` ${what}`;
  }

  record(value: unknown, name: string): Readonly<Record<string, unknown>> {
    if (isRecord(value)) return value;
    this.complain(name, 'is not an object');
    return EMPTY;
  }

  list(value: unknown, name: string, itemsMax: number): readonly unknown[] {
    if (!Array.isArray(value)) this.complain(name, 'is not a list');
    else if (value.length > itemsMax) this.complain(name, `has more than ${itemsMax} items`);
    else return value;
    return [];
  }

  /** Any text: a peer may have chosen it. */
  text(value: unknown, name: string, charactersMax: number): string {
    if (typeof value !== 'string') this.complain(name, 'is not a string');
    else if (value.length > charactersMax) this.complain(name, `is longer than ${charactersMax} characters`);
    else return value;
    return '';
  }

  /** A text without control characters. */
  name(value: unknown, name: string, charactersMax: number): string {
    const text = this.text(value, name, charactersMax);
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c >= 0x20 && (c < 0x7f || c > 0x9f)) continue;
      this.complain(name, 'holds a control character');
      return '';
    }
    return text;
  }

  spiffeId(value: unknown, name: string, charactersMax: number): string {
    const text = this.text(value, name, charactersMax);
    if (this.#soundIds.has(text)) return text;
    try {
      parseSpiffeId(text);
      if (this.#soundIds.size >= SOUND_IDS_MAX) this.#soundIds.clear();
      this.#soundIds.add(text);
    } catch {
      this.complain(name, 'is not a SPIFFE ID'); // which part is wrong, nobody can mend
    }
    return text;
  }

  boolean(value: unknown, name: string): boolean {
    if (typeof value !== 'boolean') this.complain(name, 'is not true or false');
    return value === true;
  }

  integer(value: unknown, name: string, { min, max }: Range): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    this.complain(name, `is not a whole number from ${min} to ${max}`);
    return min;
  }

  oneOf<T extends string>(value: unknown, name: string, allowed: readonly [T, ...T[]]): T {
    const known = allowed.find((one) => one === value);
    if (known === undefined) this.complain(name, `is not one of ${allowed.join(', ')}`);
    return known ?? allowed[0];
  }

  /** Milliseconds since the epoch. */
  time(value: unknown, name: string): number {
    const ms = typeof value === 'string' ? (plainTime(value) ?? parseRfc3339(value)) : null;
    if (ms === null) this.complain(name, 'is not an RFC 3339 time');
    return ms ?? 0;
  }
}

const PLAIN_TIME = '0000-00-00T00:00:00.000Z';
/** Days that every month has; later ones are left to the careful parser. */
const DAYS = 28;

/**
 * The form that the proxy writes, `2026-09-01T12:00:03.000Z`, or null for any other.
 * PERF: two times a line took a third of the parser's time with the general parser.
 */
function plainTime(text: string): number | null {
  if (text.length !== PLAIN_TIME.length) return null;
  for (let i = 0; i < PLAIN_TIME.length; i++) {
    const c = text.charCodeAt(i);
    const wanted = PLAIN_TIME.charCodeAt(i);
    if (wanted === 0x30 ? c < 0x30 || c > 0x39 : c !== wanted) return null;
  }
  const digits = (from: number, to: number): number => {
    let value = 0;
    for (let i = from; i < to; i++) value = value * 10 + text.charCodeAt(i) - 0x30;
    return value;
  };
  const [year, month, day] = [digits(0, 4), digits(5, 7), digits(8, 10)];
  const [hour, minute, second] = [digits(11, 13), digits(14, 16), digits(17, 19)];
  if (year < 1000 || month < 1 || month > 12 || day < 1 || day > DAYS) return null;
  if (hour > 23 || minute > 59 || second > 59) return null;
  return Date.UTC(year, month - 1, day, hour, minute, second, digits(20, 23));
}
