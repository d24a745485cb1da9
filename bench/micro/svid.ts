// What one peer certificate costs: issuing it, reading it, the first verification, and every later one.
import { X509Certificate } from 'node:crypto';
import { createAuthority } from '../../certs/authority/authority.ts';
import { createTrustBundle } from '../../certs/trust-bundle.ts';
import { createPeerVerifier } from '../../certs/verify.ts';
import { parseCertificate } from '../../certs/x509/certificate.ts';
import { type Figure, fastestOf, type Task } from './measure.ts';

const LEAVES = 500;
const TURNS = 8;
const ISSUED = 50;

/** Microseconds per certificate, over distinct leaves. */
export async function svidFigures(turns = TURNS): Promise<Figure[]> {
  const root = await createAuthority({ trustDomain: 'example.org' });
  const middle = await root.createIntermediate();
  const id = (i: number): string => `spiffe://example.org/ns/n/sa/s${i}`;
  const direct: Buffer[][] = [];
  const chained: Buffer[][] = [];
  for (let i = 0; i < LEAVES; i++) {
    direct.push([...(await root.issue({ spiffeId: id(i) })).chainDer]);
    chained.push([...(await middle.issue({ spiffeId: id(i) })).chainDer]);
  }
  const bundle = createTrustBundle('example.org', [root.certificate]);
  const state = { bundles: new Map([[bundle.trustDomain, bundle]]), crls: new Map() };
  const now = Date.now();
  const newVerifier = () => createPeerVerifier(state, { purpose: 'client' });
  const verifyAll = (chains: readonly Buffer[][], verifier = newVerifier()) => {
    for (const chain of chains)
      if (!verifier.verify(chain, now).ok) throw new Error('a good leaf was refused');
    return verifier;
  };
  const warm = verifyAll(direct);
  const perLeaf = (name: string, run: () => unknown): Task => ({ name, unit: 'µs', operations: LEAVES, run });
  return fastestOf(
    [
      {
        name: 'issue (key, certificate)',
        unit: 'µs',
        operations: ISSUED,
        run: async () => {
          for (let i = 0; i < ISSUED; i++) await root.issue({ spiffeId: id(i) });
        },
      },
      perLeaf('parse', () => direct.forEach(([der]) => void parseCertificate(der ?? Buffer.alloc(0)))),
      perLeaf('parse, node X509Certificate + SAN', () => direct.forEach(nodeParse)),
      perLeaf('verify cold, leaf and root', () => verifyAll(direct)),
      perLeaf('verify cold, one intermediate', () => verifyAll(chained)),
      perLeaf('verify warm', () => verifyAll(direct, warm)),
    ],
    turns,
  );
}

function nodeParse([der]: readonly Buffer[]): void {
  if (new X509Certificate(der ?? '').subjectAltName === undefined) throw new Error('no SAN');
}
