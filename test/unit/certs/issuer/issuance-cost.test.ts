// What an issuance costs, its commit on the disk included, and a CRL; prints both. The bound is on
// the calm tenth, because other tests run at the same time.
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { localCertificateRequest } from '../../../../certs/issuer/certificate-request.ts';
import { systemClock } from '../../../../core/clock.ts';
import { openTestIssuer, TD } from './open-test-issuer.ts';

const WORKLOADS = 20;
const ISSUANCES = 1_000;
const CALM_MS_MAX = 5;

test(`${ISSUANCES} issuances for ${WORKLOADS} workloads, then their revocation`, async () => {
  const { issuer } = await openTestIssuer({
    clock: systemClock,
    limits: { identity: { burst: ISSUANCES, perSecond: 1 } },
  });
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = localCertificateRequest(publicKey.export({ format: 'der', type: 'spki' }));
  const timed = (work: () => void): number => {
    const startMs = performance.now();
    work();
    return performance.now() - startMs;
  };
  const ids = Array.from({ length: WORKLOADS }, (_, i) => `spiffe://${TD}/w${i}`);
  const times = Array.from({ length: ISSUANCES }, (_, i) => {
    const spiffeId = ids[i % WORKLOADS] ?? '';
    const { token } = issuer.createJoinToken({ spiffeId, ttlMs: 60_000, author: 'test' });
    const attestation = { kind: 'join-token', token } as const;
    return timed(() => issuer.issue({ attestation, csr, from: '10.0.0.1' }));
  }).sort((a, b) => a - b);
  const at = (fraction: number): number => times[Math.floor(times.length * fraction)] ?? Infinity;
  for (const target of ids) issuer.revoke({ target, reason: 'r', author: 'a' });
  const crlMs = timed(() =>
    issuer.revoke({
      target: issuer.issue({
        attestation: { kind: 'local', spiffeId: `spiffe://${TD}/last`, detail: '' },
        csr,
        from: '10.0.0.1',
      }).serial,
      reason: 'r',
      author: 'a',
    }),
  );
  const auditBytes = [...issuer.audit()].reduce((sum, { entry }) => sum + entry.length, 0);
  console.log(
    `issuance: p50 ${at(0.5).toFixed(2)} ms, p99 ${at(0.99).toFixed(2)} ms, max ${at(0.9999).toFixed(2)} ms;`,
    `a revocation with ${ISSUANCES} others on the CRL: ${crlMs.toFixed(1)} ms;`,
    `audit: ${Math.round(auditBytes / issuer.counters.auditLength)} bytes an entry`,
  );
  expect(at(0.1)).toBeLessThan(CALM_MS_MAX);
});
