// The command line of the harness.
import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly scenario: string;
  readonly quick: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly bodyBytes: number;
  /** Names to measure, null = all. */
  readonly peers: readonly string[] | null;
  readonly json: string | null;
  readonly profile: string | null;
  /** Entry file of another build of sallyport, measured beside this one. */
  readonly baseline: string | null;
  readonly help: boolean;
}

export const USAGE = `usage: node bench/main.ts [SCENARIO] [options]
  --quick            under two minutes: 5 rounds of 1.2 s (default: 7 rounds of 5 s)
  --rounds N         rounds; in each round every peer is measured once, in turn
  --seconds S        window of one measurement
  --peers A,B        only these
  --connections N    keep-alive connections (32)
  --body BYTES       size of the response body (1024)
  --json FILE        write every round to FILE
  --profile DIR      start sallyport with --cpu-prof, write profiles to DIR, print the hottest functions
  --baseline FILE    measure another build's dist/cli/main.js beside this one, as \`baseline\`
  --help`;

/** Reads arguments. @throws on an unknown option or a value out of range */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string' },
      body: { type: 'string' },
      peers: { type: 'string' },
      json: { type: 'string' },
      profile: { type: 'string' },
      baseline: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (positionals.length > 1) throw new Error(`one scenario at a time, not \`${positionals.join(' ')}\``);
  const { quick } = values;
  return {
    scenario: positionals[0] ?? 'requests',
    quick,
    rounds: numberFrom('rounds', values.rounds, quick ? 5 : 7, { min: 1, max: 1_000, whole: true }),
    seconds: numberFrom('seconds', values.seconds, quick ? 1.2 : 5, { min: 0.1, max: 3_600, whole: false }),
    connections: numberFrom('connections', values.connections, 32, { min: 1, max: 10_000, whole: true }),
    bodyBytes: numberFrom('body', values.body, 1_024, { min: 1, max: 1 << 24, whole: true }),
    peers: values.peers === undefined ? null : values.peers.split(','),
    json: values.json ?? null,
    profile: values.profile ?? null,
    baseline: values.baseline ?? null,
    help: values.help,
  };
}

function numberFrom(
  name: string,
  text: string | undefined,
  otherwise: number,
  range: { readonly min: number; readonly max: number; readonly whole: boolean },
): number {
  if (text === undefined) return otherwise;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const ok = value >= range.min && value <= range.max && (!range.whole || Number.isInteger(value));
  if (!ok) throw new Error(`--${name} \`${text}\` is not a number from ${range.min} to ${range.max}`);
  return value;
}
