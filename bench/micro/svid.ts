// What one peer certificate costs: reading it, the first verification, and every later one.
// Runs alone too: node bench/micro/svid.ts
import { X509Certificate } from 'node:crypto';
import { createAuthority } from '../../certs/authority.ts';
import { parseCertificate } from '../../certs/certificate.ts';
import { createTrustBundle } from '../../certs/trust-bundle.ts';
import { createPeerVerifier } from '../../certs/verify.ts';
import type { Figure } from './measure.ts';

const LEAVES = 2_000;
const ROUNDS = 5;

/** Microseconds per certificate; the best of several rounds, each over distinct leaves. */
export async function svidFigures(): Promise<Figure[]> {
  const root = await createAuthority({ trustDomain: 'example.org' });
  const middle = await root.createIntermediate();
  const direct: Buffer[][] = [];
  const chained: Buffer[][] = [];
  const started = performance.now();
  for (let i = 0; i < LEAVES; i++) {
    direct.push([...(await root.issue({ spiffeId: `spiffe://example.org/ns/n/sa/s${i}` })).chainDer]);
  }
  const issueUs = ((performance.now() - started) * 1000) / LEAVES;
  for (let i = 0; i < LEAVES; i++) {
    chained.push([...(await middle.issue({ spiffeId: `spiffe://example.org/ns/n/sa/s${i}` })).chainDer]);
  }
  const bundle = createTrustBundle('example.org', [root.certificate]);
  const state = { bundles: new Map([[bundle.trustDomain, bundle]]), crls: new Map() };
  const now = Date.now();
  const verifyAll = (
    chains: readonly Buffer[][],
    verifier = createPeerVerifier(state, { purpose: 'client' }),
  ) => {
    for (const chain of chains)
      if (!verifier.verify(chain, now).ok) throw new Error('a good leaf was refused');
    return verifier;
  };
  const warm = verifyAll(direct);
  return [
    figure('svid issue (key, certificate)', issueUs),
    figure(
      'svid parse',
      perLeafUs(() => direct.forEach(([der]) => void parseCertificate(der ?? Buffer.alloc(0)))),
    ),
    figure(
      'svid parse, node X509Certificate + SAN',
      perLeafUs(() => direct.forEach(nodeParse)),
    ),
    figure(
      'svid verify cold, leaf and root',
      perLeafUs(() => verifyAll(direct)),
    ),
    figure(
      'svid verify cold, one intermediate',
      perLeafUs(() => verifyAll(chained)),
    ),
    figure(
      'svid verify warm',
      perLeafUs(() => verifyAll(direct, warm)),
    ),
  ];
}

function nodeParse([der]: readonly Buffer[]): void {
  if (new X509Certificate(der ?? '').subjectAltName === undefined) throw new Error('no SAN');
}

function perLeafUs(round: () => void): number {
  let best = Infinity;
  for (let i = 0; i < ROUNDS; i++) {
    const started = performance.now();
    round();
    best = Math.min(best, ((performance.now() - started) * 1000) / LEAVES);
  }
  return best;
}

const figure = (name: string, value: number): Figure => ({ name, value, unit: 'µs' });

if (import.meta.main)
  for (const { name, value, unit } of await svidFigures()) console.log(name, value.toFixed(1), unit);
