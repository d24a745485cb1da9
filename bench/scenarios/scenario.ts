// What a scenario gets, and what it reports.
import type { LoadDriver } from '../load/driver.ts';
import type { Target } from '../load/protocol.ts';
import type { BenchOptions } from '../options.ts';
import type { PeerSetup } from '../peers/peer.ts';
import { clientMaterial } from '../pki.ts';
import type { ScenarioResult } from '../result.ts';
import type { LineUp } from './line-up.ts';

/** How long a scenario measures: windows of `seconds`, each peer once a round. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
}

export interface Bench {
  readonly options: BenchOptions;
  /** Of this scenario, after `--rounds` and `--seconds`. */
  readonly effort: Effort;
  readonly setup: PeerSetup;
  readonly load: LoadDriver;
  readonly lineUp: LineUp;
  /** One line for whoever waits. */
  progress(text: string): void;
}

/** What a scenario found; what it leaves out is empty. */
export type Found = Partial<Omit<ScenarioResult, 'name' | 'summary'>>;

export interface Scenario {
  readonly name: string;
  readonly summary: string;
  readonly full: Effort;
  /** Null = not in a quick run unless it is named. */
  readonly quick: Effort | null;
  run(bench: Bench): Promise<Found>;
}

/** The path that the rules allow to the load. */
export const ALLOWED_PATH = '/items/7';

/** Where the load connects to reach a peer. */
export function targetOf(
  bench: Pick<Bench, 'setup'>,
  peer: { readonly port: number; readonly tls: boolean },
): Target {
  const { pki } = bench.setup;
  return { port: peer.port, tls: peer.tls ? clientMaterial(pki, pki.client) : null, path: ALLOWED_PATH };
}
