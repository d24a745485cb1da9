// The peers that are Node programs: baselines that one would otherwise write, and floors. Each in a process
// of its own.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { KeyPair } from '../pki.ts';
import { type Program, programFile } from '../program.ts';
import { NODE, OPENSSL_CONF, type Peer, type PeerSetup, type RunningPeer, waitForPort } from './peer.ts';

type Name<P = Program> = P extends `peers/processes/${infer N}` ? N : never;

interface NodePeer {
  /** The package that it is made of, when that is none of ours: the npm tarball does not have it. */
  readonly needs?: string;
  readonly rules: number;
  readonly bodyBytes?: number;
}

/** A peer that is one file of `processes/`, called with its ports and PEM files. */
export function nodeProcess(name: Name, { needs, ...rest }: NodePeer): Peer {
  return {
    name,
    tls: true,
    knowsCallers: false,
    justInTime: true,
    ...rest,
    version: () => NODE,
    missing: () => (needs === undefined || isInstalled(needs) ? null : `npm install ${needs}`),
    start: (setup) =>
      startNodeProcess(setup, name, { upstreamPort: setup.upstreamPort, pair: setup.pki.server }),
  };
}

/** Starts one of `processes/` before `upstreamPort`, with the certificate and OpenSSL configuration given. */
export async function startNodeProcess(
  { session, pki }: PeerSetup,
  name: Name,
  to: { readonly upstreamPort: number; readonly pair: KeyPair; readonly opensslConf?: string },
): Promise<RunningPeer> {
  const port = await session.freePort();
  const child = session.start({
    name,
    command: process.execPath,
    args: [
      `--openssl-config=${to.opensslConf ?? OPENSSL_CONF}`,
      programFile(`peers/processes/${name}`),
      String(port),
      String(to.upstreamPort),
      to.pair.certificate,
      to.pair.key,
      pki.authority,
    ],
    cpu: session.cpus?.proxy,
  });
  await waitForPort(child, port);
  return { port, child };
}

/** Looked for on disk: what `import.meta.resolve` once missed it misses for ever. */
function isInstalled(name: string): boolean {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return folders.some((folder) => existsSync(join(folder, name)));
}
