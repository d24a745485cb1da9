// The peers of a run: each is started once, proved once, and stays for all scenarios that want it. What is
// missing or fails its proof is noted, not measured.
import { check } from '../check.ts';
import type { Target } from '../load/protocol.ts';
import type { Peer, PeerSetup, RunningPeer } from '../peers/peer.ts';
import { processTree } from '../proc.ts';
import type { MeasuredPeer } from '../result.ts';
import { ALLOWED_PATH, targetOf } from './scenario.ts';

/** A peer that runs and passed its check. */
export interface Contestant {
  readonly peer: Peer;
  readonly running: RunningPeer;
  readonly target: Target;
  /** The process tree as it is now: helpers come and go. */
  pids(): readonly number[];
  readonly tls: string;
}

interface Wanted {
  readonly contestants: readonly Contestant[];
  readonly notes: readonly string[];
}

export class LineUp {
  /** Names of peers that had their first warm-up. */
  readonly warm = new Set<string>();
  readonly #setup: PeerSetup;
  /** Names to measure, null = all. */
  readonly #names: readonly string[] | null;
  readonly #bodyBytes: number;
  readonly #progress: (text: string) => void;
  readonly #known = new Map<string, Contestant | string>();
  readonly #measured = new Map<string, MeasuredPeer>();

  constructor(
    setup: PeerSetup,
    options: { readonly peers: readonly string[] | null; readonly bodyBytes: number },
    progress: (text: string) => void,
  ) {
    this.#setup = setup;
    this.#names = options.peers;
    this.#bodyBytes = options.bodyBytes;
    this.#progress = progress;
  }

  /** Starts those of `peers` that are wanted, installed and not running yet. */
  async of(peers: readonly Peer[]): Promise<Wanted> {
    const contestants: Contestant[] = [];
    const { installed, notes } = this.installed(peers);
    for (const peer of installed) {
      const known = this.#known.get(peer.name) ?? (await this.#start(peer));
      this.#known.set(peer.name, known);
      if (typeof known === 'string') notes.push(known);
      else contestants.push(known);
    }
    return { contestants, notes };
  }

  /** The wanted ones of `peers` that are installed, and a note with the install command for each other. */
  installed(peers: readonly Peer[]): { installed: Peer[]; notes: string[] } {
    const notes: string[] = [];
    const installed = peers.filter((peer) => {
      if (!this.#isWanted(peer)) return false;
      const missing = peer.missing();
      if (missing !== null) notes.push(`${peer.name}: skipped, not installed; to install it: ${missing}`);
      return missing === null;
    });
    return { installed, notes };
  }

  /** Ends a peer that no other scenario will want. */
  async stop({ peer, running }: Contestant): Promise<void> {
    this.#known.delete(peer.name);
    this.warm.delete(peer.name);
    await running.child?.stop();
  }

  /** Starts and proves a process of its own for one measurement. @throws when it fails */
  async fresh(peer: Peer): Promise<Contestant> {
    const started = await this.#start(peer);
    if (typeof started === 'string') throw new Error(started);
    return started;
  }

  /** Everyone who passed a check so far, as it saw them. */
  measured(): MeasuredPeer[] {
    return [...this.#measured.values()];
  }

  #isWanted({ name, family = name }: Peer): boolean {
    return this.#names === null || this.#names.includes(name) || this.#names.includes(family);
  }

  async #start(peer: Peer): Promise<Contestant | string> {
    this.#progress(`starting ${peer.name}`);
    try {
      const running = await peer.start(this.#setup);
      const bodyBytes = peer.bodyBytes ?? this.#bodyBytes;
      const { pki, http } = this.#setup;
      const report = await check(peer, running, { pki, http, path: ALLOWED_PATH, bodyBytes });
      if (report.fault === null) {
        const target = targetOf({ setup: this.#setup }, { port: running.port, tls: peer.tls });
        const { name, rules } = peer;
        this.#measured.set(name, { name, version: peer.version(), rules, tls: report.tls });
        return { peer, running, target, pids: () => treeOf(running), tls: report.tls };
      }
      await running.child?.stop();
      return `${peer.name}: not measured, it failed its check: ${report.fault}`;
    } catch (error) {
      return `${peer.name}: not measured: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}

/** The processes of a started peer; none for a peer that is no process of its own. */
export function treeOf(running: RunningPeer): readonly number[] {
  return running.child === null ? [] : processTree(running.child.pid);
}
