// Bodies and queries of the admin socket: known keys only, each of its type.
import { ISSUED_ROWS_MAX } from '../../limits.ts';
import { readObject, refused } from '../http/read-body.ts';
import type { CaStep, IssuedFilter } from '../issuer.ts';

/** The keys of a JSON body, asked for one by one. */
export class Body {
  readonly #values: Map<string, unknown>;

  constructor(bytes: Buffer, keys: readonly string[]) {
    this.#values = new Map(Object.entries(readObject(bytes)));
    for (const key of this.#values.keys())
      if (!keys.includes(key))
        throw refused(`unknown key \`${key.slice(0, 64)}\`; known: ${keys.join(', ')}`);
  }

  /** @throws ERR_ISSUER_REQUEST */
  text(key: string): string {
    const value = this.#values.get(key);
    if (typeof value !== 'string' || value === '') throw refused(`\`${key}\` must be a text`);
    return value;
  }

  /** The text, or what stands for it. @throws ERR_ISSUER_REQUEST */
  textOr<T>(key: string, otherwise: T): string | T {
    return this.#values.get(key) === undefined ? otherwise : this.text(key);
  }

  /** @throws ERR_ISSUER_REQUEST */
  flag(key: string): boolean {
    const value = this.#values.get(key) ?? false;
    if (typeof value !== 'boolean') throw refused(`\`${key}\` must be true or false`);
    return value;
  }

  /** A whole number from 1; null when it is absent. @throws ERR_ISSUER_REQUEST */
  count(key: string): number | null {
    const value = this.#values.get(key);
    if (value === undefined) return null;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1)
      throw refused(`\`${key}\` must be a whole number from 1`);
    return value;
  }

  /** @throws ERR_ISSUER_REQUEST */
  texts(key: string): readonly string[] {
    const value = this.#values.get(key) ?? [];
    if (!Array.isArray(value)) throw refused(`\`${key}\` must be a list of texts`);
    return value.map((one: unknown) => {
      if (typeof one !== 'string' || one === '') throw refused(`\`${key}\` must be a list of texts`);
      return one;
    });
  }
}

const STEPS: readonly CaStep[] = ['prepare', 'activate', 'retire'];

/** @throws ERR_ISSUER_REQUEST */
export function readStep(text: string): CaStep {
  const step = STEPS.find((one) => one === text);
  if (step === undefined) throw refused(`\`step\` must be one of ${STEPS.join(', ')}`);
  return step;
}

const STATES = ['valid', 'revoked', 'expired'] as const;

/** `spiffeId`, `serial`, `state` and `limit`. @throws ERR_ISSUER_REQUEST */
export function readFilter(query: URLSearchParams): IssuedFilter {
  const values = readQuery(query, ['spiffeId', 'serial', 'state', 'limit']);
  const asked = values.get('state');
  const state = STATES.find((one) => one === asked);
  if (asked !== undefined && state === undefined)
    throw refused(`\`state\` must be one of ${STATES.join(', ')}`);
  const spiffeId = values.get('spiffeId');
  const serial = values.get('serial');
  const limit = Number(values.get('limit') ?? ISSUED_ROWS_MAX);
  if (!Number.isSafeInteger(limit) || limit < 1) throw refused('`limit` must be a whole number from 1');
  return {
    limit,
    ...(spiffeId !== undefined && { spiffeId }),
    ...(serial !== undefined && { serial }),
    ...(state !== undefined && { state }),
  };
}

/** `after`; 0 without. @throws ERR_ISSUER_REQUEST */
export function readAfter(query: URLSearchParams): number {
  const after = Number(readQuery(query, ['after']).get('after') ?? 0);
  if (!Number.isSafeInteger(after) || after < 0) throw refused('`after` must be a whole number');
  return after;
}

function readQuery(query: URLSearchParams, keys: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const [key, value] of query) {
    if (!keys.includes(key) || values.has(key)) throw refused(`the query has ${keys.join(', ')}, each once`);
    values.set(key, value);
  }
  return values;
}
