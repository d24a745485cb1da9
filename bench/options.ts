// The command line of the harness.
import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** Names of scenarios; empty = all of a full or quick run. */
  readonly scenarios: readonly string[];
  readonly quick: boolean;
  /** Null = each scenario's own. */
  readonly rounds: number | null;
  readonly seconds: number | null;
  readonly connections: number;
  readonly bodyBytes: number;
  /** Names to measure, null = all. */
  readonly peers: readonly string[] | null;
  readonly json: string | null;
  readonly html: string | null;
  readonly profile: string | null;
  /** Entry file of another build of sallyport, measured beside this one. */
  readonly baseline: string | null;
  readonly help: boolean;
}

export const USAGE = `usage: sallyport bench [SCENARIO…] [options]
       sallyport bench --target URL …           your own deployment; see below
  without a scenario: all of them, in less than half an hour
  --quick            the main ones, in less than two minutes
  --rounds N         rounds; in each round every peer is measured once, in turn
  --seconds S        window of one measurement
  --peers A,B        only these
  --connections N    keep-alive connections (32)
  --body BYTES       size of the response body (1024)
  --json FILE        write everything measured to FILE
  --html FILE        write a report with plots to FILE, one page that needs nothing else
  --profile DIR      start sallyport with --cpu-prof: profile, flame graph and hottest functions
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
      html: { type: 'string' },
      profile: { type: 'string' },
      baseline: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    scenarios: positionals,
    quick: values.quick,
    rounds: numberFrom('rounds', values.rounds, { min: 1, max: 1_000, whole: true }),
    seconds: numberFrom('seconds', values.seconds, { min: 0.1, max: 3_600, whole: false }),
    connections: numberFrom('connections', values.connections, { min: 1, max: 10_000, whole: true }) ?? 32,
    bodyBytes: numberFrom('body', values.body, { min: 0, max: 1 << 24, whole: true }) ?? 1_024,
    peers: values.peers === undefined ? null : values.peers.split(','),
    json: values.json ?? null,
    html: values.html ?? null,
    profile: values.profile ?? null,
    baseline: values.baseline ?? null,
    help: values.help,
  };
}

function numberFrom(
  name: string,
  text: string | undefined,
  range: { readonly min: number; readonly max: number; readonly whole: boolean },
): number | null {
  if (text === undefined) return null;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const ok = value >= range.min && value <= range.max && (!range.whole || Number.isInteger(value));
  if (!ok) throw new Error(`--${name} \`${text}\` is not a number from ${range.min} to ${range.max}`);
  return value;
}
