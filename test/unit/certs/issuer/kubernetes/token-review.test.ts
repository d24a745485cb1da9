// Whom the reviewer believes to be the API server: nobody but who has a certificate of the CA file.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../../certs/authority/authority.ts';
import { openTokenReviewer } from '../../../../../certs/issuer/kubernetes/token-review.ts';

const YES = JSON.stringify({
  status: {
    authenticated: true,
    audiences: ['sallyport'],
    user: { username: 'system:serviceaccount:shop:web' },
  },
});
const TOKEN = 'aaaa.bbbb.cccc';

let folder: string;
let server: Server;
let apiServer: string;
let ca: Authority;
let asked = 0;
const defaults = tls.getCACertificates('default');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-review-'));
  ca = await createAuthority({ trustDomain: 'api.example' });
  const own = await ca.issue({ spiffeId: 'spiffe://api.example/server', dnsNames: ['localhost'] });
  server = createServer({ cert: own.chainPem, key: own.privateKeyPem ?? '' }, (_request, response) => {
    asked++;
    response.writeHead(201).end(YES);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  apiServer = `https://localhost:${(server.address() as AddressInfo).port}`;
  // A host name for which the impostor has a certificate that every program of this machine believes.
  tls.setDefaultCACertificates([ca.certificatePem]);
});

afterAll(() => {
  tls.setDefaultCACertificates(defaults);
  server.close();
  rmSync(folder, { recursive: true });
});

const path = (name: string): string => join(folder, name);
const open = (caPem: string) => {
  writeFileSync(path('ca.pem'), caPem);
  writeFileSync(path('token'), 'own.own.own');
  return openTokenReviewer({
    apiServer,
    caFile: path('ca.pem'),
    tokenFile: path('token'),
    audience: 'sallyport',
    namespaces: ['shop'],
    timeout: 2_000,
  });
};

describe('the CA file', () => {
  test('says who is the API server', async () => {
    const reviewer = await open(ca.certificatePem);
    expect(await reviewer.review(TOKEN)).toMatchObject({ ok: true, account: { serviceAccount: 'web' } });
  });

  test.each([
    ['that is empty', ''],
    ['of white space', ' \n'],
    ['without a certificate', 'ca\n'],
    ['with a certificate that is cut', '-----BEGIN CERTIFICATE-----\nMIIB\n'],
  ])('%s is refused: Node would believe every public CA', async (_name, text) => {
    await expect(open(text)).rejects.toMatchObject({ code: 'ERR_ISSUER_KUBERNETES' });
  });

  test('that is emptied later gets no token sent to anybody', async () => {
    const reviewer = await open(ca.certificatePem);
    const before = asked;
    writeFileSync(path('ca.pem'), '');
    expect(await reviewer.review(TOKEN)).toMatchObject({ ok: false, fault: 'unavailable' });
    expect(asked).toBe(before);
    writeFileSync(path('ca.pem'), ca.certificatePem);
    expect(await reviewer.review(TOKEN)).toMatchObject({ ok: true });
  });
});
