// Starts the peers of a scenario and proves each of them; what is missing or fails its proof is noted, not
// measured.
import { check } from '../check.ts';
import type { Target } from '../load/protocol.ts';
import type { Peer, RunningPeer } from '../peers/peer.ts';
import { processTree } from '../proc.ts';
import { ALLOWED_PATH, type Bench, targetOf } from './scenario.ts';

/** A peer that runs and passed its check. */
export interface Contestant {
  readonly peer: Peer;
  readonly running: RunningPeer;
  readonly target: Target;
  /** The process tree as it is now: helpers come and go. */
  pids(): readonly number[];
  readonly tls: string;
}

export interface LineUp {
  readonly contestants: readonly Contestant[];
  readonly notes: readonly string[];
}

/** Starts every wanted peer of `peers`. `bodyBytes` is what an allowed answer must have. */
export async function lineUp(
  bench: Bench,
  peers: readonly Peer[],
  bodyBytes = bench.options.bodyBytes,
): Promise<LineUp> {
  const contestants: Contestant[] = [];
  const { installed, notes } = installedOf(bench, peers);
  for (const peer of installed) {
    bench.progress(`starting ${peer.name}`);
    try {
      const running = await peer.start(bench.setup);
      const report = await check(peer, running, { pki: bench.setup.pki, path: ALLOWED_PATH, bodyBytes });
      if (report.fault === null) {
        const target = targetOf(bench, { port: running.port, tls: peer.tls });
        contestants.push({ peer, running, target, pids: () => treeOf(running), tls: report.tls });
      } else {
        notes.push(`${peer.name}: not measured, it failed its check: ${report.fault}`);
        await running.child?.stop();
      }
    } catch (error) {
      notes.push(`${peer.name}: not measured: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { contestants, notes };
}

/** The wanted peers of `peers` that are installed, and a note with the install command for each other one. */
export function installedOf(bench: Bench, peers: readonly Peer[]): { installed: Peer[]; notes: string[] } {
  const notes: string[] = [];
  const wanted = bench.options.peers;
  const installed = peers.filter((peer) => {
    if (wanted !== null && !wanted.includes(peer.name) && peer.name !== 'baseline') return false;
    const missing = peer.missing();
    if (missing !== null) notes.push(`${peer.name}: skipped, not installed; to install it: ${missing}`);
    return missing === null;
  });
  return { installed, notes };
}

/** The processes of a started peer; none for a peer that is no process of its own. */
export function treeOf(running: RunningPeer): readonly number[] {
  return running.child === null ? [] : processTree(running.child.pid);
}
