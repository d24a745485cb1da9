// The two baselines one would otherwise write in Node, each in a process of its own.
import { fileURLToPath } from 'node:url';
import { type Peer, waitForPort } from './peer.ts';

/** A peer that is one TypeScript file of `processes/`, called with its ports and PEM files. */
export function nodeProcess(name: string): Peer {
  const file = fileURLToPath(new URL(`./processes/${name}.ts`, import.meta.url));
  return {
    name,
    tls: true,
    policies: 0,
    justInTime: true,
    missing: () => null,
    async start({ session, pki, upstreamPort }) {
      const port = await session.freePort();
      const child = session.start({
        name,
        command: process.execPath,
        args: [
          file,
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
