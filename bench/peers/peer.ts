// What every peer of the benchmark offers: is it installed, how is it started with the equivalent
// configuration.

import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../child.ts';
import type { Pki } from '../pki.ts';
import { ROOT } from '../program.ts';
import type { BenchRule } from '../rules.ts';
import type { Session } from '../session.ts';

/** By its ALPN name. */
export type HttpVersion = 'http/1.1' | 'h2';

/** What a peer is started with. */
export interface PeerSetup {
  readonly session: Session;
  readonly pki: Pki;
  readonly upstreamPort: number;
  /** What callers speak to it, and it to the application. */
  readonly http: HttpVersion;
  /** The rule that allows the load; a peer whose rules name callers gets it among its others. */
  readonly allowed: BenchRule;
  /** Where CPU profiles of ours go, undefined = none. */
  readonly profileDirectory: string | undefined;
}

/** A started peer. `child` is null for a peer that is no process of its own. */
export interface RunningPeer {
  readonly port: number;
  readonly child: Child | null;
  /** Peer-specific proof that what must be on is on; a sentence when it is not. */
  readonly verify?: () => Promise<string | null>;
}

export interface Peer {
  readonly name: string;
  /** One name for the same proxy with different numbers of rules; `--peers` takes it too. */
  readonly family?: string;
  /** False = plaintext straight to the application. */
  readonly tls: boolean;
  /** How many; 0 = the peer decides nothing. */
  readonly rules: number;
  /** True when its rules name callers by their SPIFFE ID. */
  readonly knowsCallers: boolean;
  /** True for a peer that compiles its hot code while it runs, and so needs a longer warm-up. */
  readonly justInTime: boolean;
  /** Size of its answers when it does not forward to the application. */
  readonly bodyBytes?: number;
  /** Its version and its TLS library's, as it prints them. */
  version(): string;
  /** The exact command that installs it, when it is missing. */
  missing(): string | null;
  start(setup: PeerSetup): Promise<RunningPeer>;
}

/** The runtime of those that are Node programs. */
export const NODE = `Node ${process.version}, OpenSSL ${process.versions.openssl}`;

/** Tells OpenSSL to send no session tickets, which nobody may use: as image and systemd unit start ours. */
export const OPENSSL_CONF = join(ROOT, 'deploy/openssl.cnf');

/** A hundred thousand rules take their time. */
const START_MS_MAX = 60_000;

/** What the first group of each pattern finds in what `command` prints about itself. */
export function versionOf(command: string, args: readonly string[], patterns: readonly RegExp[]): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  const text = `${stdout ?? ''}${stderr ?? ''}`;
  return patterns.map((pattern) => pattern.exec(text)?.[1] ?? 'unknown').join(', ');
}

/** Waits until `port` accepts. @throws with the child's last output when it ends, or after a minute */
export async function waitForPort(child: Child, port: number): Promise<void> {
  await waitUntil(child, () => accepts(port), 'did not open its port');
}

/** Polls `ready` every 20 ms while `child` runs. @throws when it ends, or after a minute */
export async function waitUntil(
  child: Child,
  ready: () => Promise<boolean>,
  otherwise: string,
): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  while (!(await ready())) {
    if (!child.running) throw new Error(`${child.name} ended: ${child.tail}`);
    if (performance.now() > deadline) throw new Error(`${child.name} ${otherwise}: ${child.tail}`);
    await sleep(20);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
