// What a scenario gets, and what it reports.
import type { Claim } from '../claim.ts';
import type { LoadDriver } from '../load/driver.ts';
import type { Target } from '../load/protocol.ts';
import type { BenchOptions } from '../options.ts';
import type { PeerSetup } from '../peers/peer.ts';
import { clientMaterial } from '../pki.ts';
import type { Table } from '../table.ts';

export interface Bench {
  readonly options: BenchOptions;
  readonly setup: PeerSetup;
  readonly load: LoadDriver;
  /** One line for whoever waits. */
  progress(text: string): void;
}

export interface Report {
  readonly claims: readonly Claim[];
  readonly tables: readonly Table[];
  /** Peers skipped or refused, and why. */
  readonly notes: readonly string[];
  /** Every measured round, for --json. */
  readonly data: object;
}

export interface Scenario {
  readonly name: string;
  readonly summary: string;
  run(bench: Bench): Promise<Report>;
}

/** The path that the rules allow to the load. */
export const ALLOWED_PATH = '/items/7';

/** Where the load connects to reach a peer. */
export function targetOf(bench: Bench, peer: { readonly port: number; readonly tls: boolean }): Target {
  const { pki } = bench.setup;
  return {
    port: peer.port,
    tls: peer.tls ? clientMaterial(pki, pki.client) : null,
    path: ALLOWED_PATH,
  };
}
