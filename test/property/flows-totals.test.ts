// Whatever records come, in whatever order and however little room there is: no request is lost or made up.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DenialTable } from '../../policy/flows/denials.ts';
import { EdgeTable } from '../../policy/flows/edges.ts';
import { FlowParser } from '../../policy/flows/parse.ts';
import { FlowReader } from '../../policy/flows/read.ts';
import { type FlowRecord, outcomeOf } from '../../policy/flows/record.ts';
import { countOf, deniedOf, requestsOf } from '../../policy/flows/tally.ts';
import { PathTable } from '../../policy/flows/top.ts';
import { chunks, flow, NOON_MS } from '../unit/policy/flows/flow-samples.ts';

const RUNS = 500;
const SEED = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 2 ** 31);

const name = fc.constantFrom('a', 'b', 'c', 'd');
const records: fc.Arbitrary<FlowRecord[]> = fc.array(
  fc
    .record({
      caller: fc.option(name),
      workload: name,
      path: fc.option(fc.constantFrom('/x', '/y/{*}', '/\u001b[2J')),
      direction: fc.constantFrom('inbound', 'outbound'),
      verdict: fc.constantFrom('allow', 'deny'),
      enforced: fc.boolean(),
      count: fc.integer({ min: 1, max: 1000 }),
      times: fc.tuple(fc.nat(1000), fc.nat(1000)),
    } as const)
    .map(({ caller, workload, path, times: [from, lasts], ...rest }) =>
      flow({
        ...rest,
        source: caller === null ? null : { principal: `spiffe://example.org/ns/shop/sa/${caller}`, ip: null },
        destination: { workload, namespace: 'shop', port: 8080 },
        http: path === null ? null : { method: 'GET', path },
        firstSeenMs: NOON_MS + from,
        lastSeenMs: NOON_MS + from + lasts,
      }),
    ),
  { maxLength: 60 },
);
const limits = fc.record({
  total: fc.integer({ min: 1, max: 12 }),
  perOwner: fc.integer({ min: 1, max: 4 }),
});

const sum = (counts: Iterable<number>): number => [...counts].reduce((all, count) => all + count, 0);

/** As the proxy would write it. */
function written(record: FlowRecord): string {
  const { firstSeenMs, lastSeenMs, windowSeconds, source, http, dryRun, ...rest } = record;
  return JSON.stringify({
    ...rest,
    source: source === null ? 'other' : { principal: source.principal },
    http: http ?? 'other',
    firstSeen: new Date(firstSeenMs).toISOString(),
    lastSeen: new Date(lastSeenMs).toISOString(),
    window: windowSeconds,
  });
}

test(`totals are conserved (seed ${SEED}, ${RUNS} runs; SALLYPORT_SEED repeats it)`, () => {
  fc.assert(
    fc.property(records, limits, (given, room) => {
      const edges = new EdgeTable(room);
      const paths = new PathTable(room);
      const denials = new DenialTable({ groups: room, samples: room });
      for (const record of given) for (const table of [edges, paths, denials]) table.record(record);
      const all = sum(given.map(({ count }) => count));
      const sides = [...edges.edges()].map((edge) => edge.sides);
      const kept = sum(sides.map(({ outbound, inbound }) => countOf(outbound) + countOf(inbound)));
      expect(kept + edges.rest.requests).toBe(all);
      expect(edges.size).toBeLessThanOrEqual(room.total);
      for (const both of sides) {
        const [out, into] = [countOf(both.outbound), countOf(both.inbound)];
        expect(requestsOf(both)).toBeGreaterThanOrEqual(Math.max(out, into, deniedOf(both)));
        expect(requestsOf(both)).toBeLessThanOrEqual(out + into);
      }
      const notAllowed = sum(given.filter((r) => outcomeOf(r) !== 'allowed').map(({ count }) => count));
      expect(sum(denials.judged().map(({ requests }) => requests)) + denials.rest.requests).toBe(notAllowed);
    }),
    { seed: SEED, numRuns: RUNS },
  );
});

test(`a record comes back as it was written, however the bytes are cut (seed ${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(records, fc.array(fc.nat(3000), { maxLength: 8 }), async (given, cuts) => {
      const bytes = Buffer.from(given.map((record) => `${written(record)}\n`).join(''));
      const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
      const read: FlowRecord[] = [];
      const reader = new FlowReader({ record: (record) => void read.push(record) });
      const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
      await reader.read({ name: 'x', chunks: chunks(...pieces) });
      expect(read).toEqual(given);
      expect(reader.counts.badLines).toBe(0);
    }),
    { seed: SEED, numRuns: RUNS / 5 },
  );
});

test(`the parser answers every line (seed ${SEED})`, () => {
  const parser = new FlowParser();
  const mutated = fc
    .tuple(records, fc.nat(), fc.string({ unit: 'binary', maxLength: 4 }))
    .map(([given, at, text]) => {
      const line = given[0] === undefined ? '{}' : written(given[0]);
      const cut = at % line.length;
      return line.slice(0, cut) + text + line.slice(cut + text.length);
    });
  const line = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), mutated);
  fc.assert(
    fc.property(line, (text) => {
      const { kind } = parser.line(text);
      expect(['flow', 'denial', 'log', 'fault']).toContain(kind);
    }),
    { seed: SEED, numRuns: RUNS * 4 },
  );
});
