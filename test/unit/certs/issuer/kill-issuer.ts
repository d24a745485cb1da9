// An issuer in a process of its own, to be killed: it issues until it is, and prints every token and serial
// that it has promised. `node kill-issuer.ts FOLDER`.
import { generateKeyPairSync } from 'node:crypto';
import { writeSync } from 'node:fs';
import { localCertificateRequest } from '../../../../certs/issuer/certificate-request.ts';
import { openIssuer } from '../../../../certs/issuer/issuer.ts';
import { systemClock } from '../../../../core/clock.ts';

const [, , stateFolder = ''] = process.argv;
const say = (what: string, value: string): void => {
  writeSync(1, `${what} ${value}\n`);
};

const issuer = await openIssuer({
  trustDomain: 'example.org',
  stateFolder,
  secret: Buffer.from('a secret of the tests, long enough'),
  clock: systemClock,
  limits: { identity: { burst: 1_000_000, perSecond: 1_000 } },
  onAudit: ({ sequence, hash }) => say('audit', `${sequence} ${hash}`),
});
say(
  'ready',
  issuer
    .trust()
    .rootsDer.map((der) => der.toString('base64'))
    .join(','),
);
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
  format: 'der',
  type: 'spki',
});
const csr = localCertificateRequest(key);
for (let i = 0; ; i++) {
  const { token } = issuer.createJoinToken({
    spiffeId: 'spiffe://example.org/w',
    ttlMs: 600_000,
    author: 'kill',
  });
  say('token', token);
  const attestation = { kind: 'join-token', token } as const;
  const { serial } = issuer.issue({ attestation, csr, from: '127.0.0.1' });
  say('issued', `${serial} ${token}`);
  if (i % 5 === 3) {
    issuer.revoke({ target: serial, reason: 'killed', author: 'kill' });
    say('revoked', serial);
  }
  const { activateAtMs, retireAtMs } = issuer.caStatus();
  const step = retireAtMs !== null ? 'retire' : activateAtMs !== null ? 'activate' : 'prepare';
  if (i % 3 === 2) issuer.rotateCa(step, 'kill', { force: true });
}
