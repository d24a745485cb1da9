// An issuer in a process of its own, to be killed: it issues, renews, revokes and rotates until it is, and
// prints what it has promised. `node kill-issuer.ts FOLDER [N]`: with N it kills itself after N statements.
import { generateKeyPairSync } from 'node:crypto';
import { writeSync } from 'node:fs';
import { localCertificateRequest } from '../../../../certs/issuer/certificate-request.ts';
import type { Attestation, Issued } from '../../../../certs/issuer/issuer.ts';
import { openIssuer } from '../../../../certs/issuer/open-issuer.ts';
import { newKdfParameters } from '../../../../certs/issuer/sealed-keys.ts';
import type { StateDatabase } from '../../../../certs/issuer/state-database.ts';
import { systemClock } from '../../../../core/clock.ts';

const [, , stateFolder = '', statements] = process.argv;
const say = (what: string, value: string): void => {
  writeSync(1, `${what} ${value}\n`);
};

/** Kills the process after so many changes of rows: in the middle of a transaction. */
function killAfter(db: StateDatabase, count: number): void {
  const change = db.change.bind(db);
  let left = count;
  db.change = (...args) => {
    const changed = change(...args);
    if (--left === 0) process.kill(process.pid, 'SIGKILL');
    return changed;
  };
}

const issuer = await openIssuer(
  {
    trustDomain: 'example.org',
    stateFolder,
    secret: Buffer.from('a secret of the tests, long enough'),
    clock: systemClock,
    limits: { identity: { burst: 1_000_000, perSecond: 1_000 } },
    onAudit: ({ sequence, hash }) => say('audit', `${sequence} ${hash}`),
  },
  {
    kdfParameters: () => ({ ...newKdfParameters(), n: 1024 }),
    prepare(db) {
      if (statements !== undefined) killAfter(db, Number(statements));
    },
  },
);
say('ready', String(issuer.trust().sequence));
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
  format: 'der',
  type: 'spki',
});
const csr = localCertificateRequest(key);
const issue = (attestation: Attestation): Issued => issuer.issue({ attestation, csr, from: '127.0.0.1' });
for (let i = 0; ; i++) {
  const { token } = issuer.createJoinToken({
    spiffeId: 'spiffe://example.org/w',
    ttlMs: 600_000,
    author: 'kill',
  });
  say('token', token);
  const { serial, spiffeId } = issue({ kind: 'join-token', token });
  say('issued', `${serial} ${token}`);
  issuer.rotate({ target: serial, author: 'kill' });
  const renewed = issue({ kind: 'renewal', spiffeId, serial });
  say('revoked', serial);
  say('renewed', renewed.serial);
  if (i % 5 === 0) {
    issuer.revoke({ target: renewed.serial, reason: 'killed', author: 'kill' });
    say('revoked', renewed.serial);
  }
  const { activateAtMs, retireAtMs } = issuer.caStatus();
  const step = retireAtMs !== null ? 'retire' : activateAtMs !== null ? 'activate' : 'prepare';
  if (i % 3 === 0) issuer.rotateCa(step, 'kill', { force: true });
}
