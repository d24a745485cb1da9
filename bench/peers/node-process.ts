// The two baselines one would otherwise write in Node, each in a process of its own.
import { type Program, programFile } from '../program.ts';
import { type Peer, waitForPort } from './peer.ts';

type Name<P = Program> = P extends `peers/processes/${infer N}` ? N : never;

interface NodePeer {
  /** The package that it is made of, when that is none of ours: the npm tarball does not have it. */
  readonly needs?: string;
  readonly policies: number;
  readonly bodyBytes?: number;
}

/** A peer that is one file of `processes/`, called with its ports and PEM files. */
export function nodeProcess(name: Name, { needs, ...rest }: NodePeer): Peer {
  return {
    name,
    tls: true,
    justInTime: true,
    ...rest,
    version: () => `Node ${process.version}${needs === undefined ? '' : `, ${needs}`}`,
    missing: () => (needs === undefined || isInstalled(needs) ? null : `npm install ${needs}`),
    async start({ session, pki, upstreamPort }) {
      const port = await session.freePort();
      const child = session.start({
        name,
        command: process.execPath,
        args: [
          programFile(`peers/processes/${name}`),
          String(port),
          String(upstreamPort),
          pki.server.certificate,
          pki.server.key,
          pki.authority,
        ],
        cpu: session.cpus?.proxy,
      });
      await waitForPort(child, port);
      return { port, child };
    },
  };
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false; // ERR_MODULE_NOT_FOUND
  }
}
