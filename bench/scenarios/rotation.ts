// The proxy's own certificate rotated under load: certificate and key, written and moved into place.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { clientMaterial, type KeyPair } from '../pki.ts';
import { changeUnderLoad, LOAD } from './change-under-load.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

export const rotation: Scenario = {
  name: 'rotation',
  summary: `event-loop delay while the certificate is rotated under ${LOAD.perSecond} requests a second`,
  full: { rounds: 3, seconds: 4 },
  quick: null,
  run,
};

async function run(bench: Bench): Promise<Found> {
  const { pki, session } = bench.setup;
  const serials: string[] = [];
  // Files of its own: the other peers keep theirs.
  const server: KeyPair = {
    certificate: join(session.directory, 'rotated.pem'),
    key: join(session.directory, 'rotated.key'),
  };
  const rotate = async (): Promise<void> => {
    const spiffeId = `spiffe://${pki.serverPrincipal}`;
    const svid = await pki.issuer.issue({ spiffeId, dnsNames: ['localhost'] });
    serials.push(svid.serial);
    replace(server.key, svid.privateKeyPem ?? '');
    replace(server.certificate, svid.chainPem);
  };
  await rotate();
  const setup = { ...bench.setup, pki: { ...pki, server } };
  return changeUnderLoad(bench, setup, {
    name: 'rotation',
    make: rotate,
    inEffect: async ({ port }) => (await serialOf(bench, port)) === serials.at(-1),
  });
}

/** The serial number of the certificate that a new connection is shown, lower-case hex. */
function serialOf({ setup: { pki } }: Bench, port: number): Promise<string> {
  const caller = clientMaterial(pki, pki.client);
  return new Promise((resolve, reject) => {
    const socket = connect(
      {
        host: '127.0.0.1',
        port,
        servername: 'localhost',
        ca: caller.authority,
        cert: caller.certificate,
        key: caller.key,
      },
      () => {
        resolve(socket.getPeerCertificate().serialNumber.toLowerCase());
        socket.destroy();
      },
    );
    socket.once('error', reject);
  });
}

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
