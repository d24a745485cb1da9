// Calls for tests, as a decision log tells them: what is learned of them, and what a policy would say.
import type { FlowRecord } from '../../../../policy/flows/record.ts';
import { type Entry, entriesOf } from '../../../../policy/suggest/entries.ts';
import { Observed } from '../../../../policy/suggest/observed.ts';
import { call } from '../flows/flow-samples.ts';

/** Who calls `cart`, with which method and path. */
export type Call = readonly [string, string, string];

/** What a test changes about how calls are recorded. */
export interface Recorded {
  readonly change?: Partial<FlowRecord>;
  readonly status?: number;
  /** As flow records, whose `{*}` is a proxy's. */
  readonly template?: boolean;
}

/** Adds calls of `cart`. */
export function observe(observed: Observed, calls: readonly Call[], how: Recorded = {}): void {
  for (const [i, [from, method, path]] of calls.entries()) {
    const record = call([from, 'cart'], i, { http: { method, path }, ...how.change });
    if (how.template === true) observed.record(record);
    else observed.request({ record, status: how.status ?? 200, grpcStatus: null });
  }
}

/** What is learned of calls with the usual limits. */
export function learn(calls: readonly Call[], limits = { valuesMin: 5, widthMax: 50 }): Entry[] {
  const observed = new Observed(limits);
  observe(observed, calls);
  return entriesOf(observed, { minCount: 1, trustDomain: 'example.org' });
}

/** `n` calls with different ids. */
export const ids = (n: number, [from, method, path]: Call): Call[] =>
  Array.from({ length: n }, (_, i) => [from, method, path.replace('ID', String(100 + i))]);

/** `web GET /users/{*} without /users/admin`, in order. */
export const texts = (entries: readonly Entry[]): string[] =>
  entries.map(({ pair, method, path, excluded }) => {
    const account = pair.caller.slice(pair.caller.lastIndexOf('/') + 1);
    return `${account} ${method} ${path}${excluded.length === 0 ? '' : ` without ${excluded.join(' ')}`}`;
  });
