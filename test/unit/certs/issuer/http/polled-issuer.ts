// An issuer in a process of its own with a long revocation list, to be measured while it answers everybody
// who waits: `node polled-issuer.ts FOLDER SERIALS`, with an IPC channel. It says its port and a token, and
// after `revoke` and `figures` what that took.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { localCertificateRequest } from '../../../../../certs/issuer/certificate-request.ts';
import { openIssuerListener } from '../../../../../certs/issuer/http/open-listener.ts';
import { IssuerTally } from '../../../../../certs/issuer/metrics/tally.ts';
import { openIssuer } from '../../../../../certs/issuer/open-issuer.ts';
import { newKdfParameters } from '../../../../../certs/issuer/sealed-keys.ts';
import { systemClock } from '../../../../../core/clock.ts';
import { revokeMany } from '../revoke-many.ts';

const [, , stateFolder = '', serials = '0'] = process.argv;
const ID = 'spiffe://example.org/w';
const MANY = 65_535;

const issuer = await openIssuer(
  {
    trustDomain: 'example.org',
    stateFolder,
    secret: Buffer.from('a secret of the tests, long enough'),
    clock: systemClock,
  },
  {
    kdfParameters: () => ({ ...newKdfParameters(), n: 1024 }),
    prepare: (db) => revokeMany(db, Number(serials)),
  },
);
const listener = await openIssuerListener({
  issuer,
  config: {
    listen: { address: { host: '127.0.0.1', port: 0 }, dnsNames: [] },
    limits: {
      ...{ issuancesPerIdentity: MANY, failuresPerAddress: MANY, connections: MANY },
      ...{ connectionsPerAddress: MANY, polls: MANY, pollsPerAddress: MANY },
    },
  },
  reviewer: null,
  clock: systemClock,
  random: Math.random,
  tally: new IssuerTally(),
  problem: (message, error) => process.send?.({ problem: `${message}: ${String(error)}` }),
});

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const victim = issuer.issue({
  attestation: { kind: 'local', spiffeId: 'spiffe://example.org/victim', detail: '' },
  csr: localCertificateRequest(publicKey.export({ format: 'der', type: 'spki' })),
  from: '',
});
const LOOK_MS = 5;
let lookedMs = performance.now();
let stallMs = 0;
setInterval(() => {
  stallMs = Math.max(stallMs, performance.now() - lookedMs - LOOK_MS);
  lookedMs = performance.now();
}, LOOK_MS);
const token = (): string => issuer.createJoinToken({ spiffeId: ID, ttlMs: 600_000, author: 'test' }).token;
const residentMb = (field: 'VmRSS' | 'VmHWM'): number => {
  const line = readFileSync('/proc/self/status', 'latin1')
    .split('\n')
    .find((one) => one.startsWith(field));
  return Number(line?.split(' ').find((word) => Number(word) > 0) ?? 0) / 1024;
};
let before = { mb: 0, revokeMs: 0 };

process.on('message', (message) => {
  if (message === 'token') process.send?.({ token: token() });
  if (message === 'polls') process.send?.({ polls: listener.polls });
  if (message === 'revoke') {
    writeFileSync('/proc/self/clear_refs', '5'); // VmHWM begins anew: proc(5)
    const startMs = performance.now();
    const mb = residentMb('VmRSS');
    issuer.revoke({ target: victim.serial, reason: 'test', author: 'test' });
    before = { mb, revokeMs: performance.now() - startMs };
    process.send?.({});
    lookedMs = performance.now();
    stallMs = 0;
  }
  if (message === 'figures') process.send?.({ ...before, peakMb: residentMb('VmHWM'), stallMs });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port: listener.port, sequence: issuer.trust().sequence });
