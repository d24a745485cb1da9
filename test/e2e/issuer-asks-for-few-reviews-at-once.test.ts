// A stranger who sends many service account tokens at once does not make the issuer ask the Kubernetes API
// server as often: what waits for a review is limited, by address and in all.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { IssuerStage } from './stage/issuer.ts';
import { makeCsr } from './stage/issuer-requests.ts';
import { eventually } from './stage/observe.ts';

const NO = JSON.stringify({ status: { authenticated: false } });
const SENT = 100;
const AT_ONCE_MAX = 16;

let api: Server;
let stage: IssuerStage;
/** Answers what waits. */
const waiting: (() => void)[] = [];
let asked = 0;

beforeAll(async () => {
  const ca = await createAuthority({ trustDomain: 'api.example' });
  const own = await ca.issue({ spiffeId: 'spiffe://api.example/server', dnsNames: ['localhost'] });
  api = createServer({ cert: own.chainPem, key: own.privateKeyPem ?? '' }, (_request, response) => {
    asked++;
    waiting.push(() => response.writeHead(201).end(NO));
  }).listen(0, '127.0.0.1');
  await once(api, 'listening');
  stage = await IssuerStage.create(`kubernetes:
  apiServer: https://localhost:${(api.address() as AddressInfo).port}
  caFile: api-ca.pem
  tokenFile: api.token
  namespaces: [shop]
  timeout: 10s`);
  writeFileSync(join(stage.folder, 'api-ca.pem'), ca.certificatePem);
  writeFileSync(join(stage.folder, 'api.token'), 'a.b.c');
  await stage.start();
});

afterAll(async () => {
  await stage.close();
  api.closeAllConnections();
  api.close();
});

test('requests in one connection wait for few reviews, and the rest is told to come later', async () => {
  const { csr } = await makeCsr();
  const body = JSON.stringify({ csr, serviceAccountToken: 'aaaa.bbbb.cccc' });
  const one = `POST /v1/svid HTTP/1.1\r\nhost: issuer\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const socket = tls.connect({ host: '127.0.0.1', port: stage.port, rejectUnauthorized: false });
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(socket, 'secureConnect');
  socket.write(one.repeat(SENT));
  await eventually(
    () => asked,
    (count) => count >= AT_ONCE_MAX,
  );
  // An answer to somebody else: the issuer has read all that was sent before.
  expect((await stage.ask('/v1/trust')).status).toBe(200);
  expect(asked).toBe(AT_ONCE_MAX);
  for (const answer of waiting.splice(0)) answer();
  await eventually(
    () => text.split('HTTP/1.1 ').length - 1,
    (count) => count === SENT,
  );
  socket.destroy();
  const statuses = text
    .split('HTTP/1.1 ')
    .slice(1)
    .map((answer) => answer.slice(0, 3));
  expect(statuses.filter((status) => status === '401')).toHaveLength(AT_ONCE_MAX);
  expect(statuses.filter((status) => status === '429')).toHaveLength(SENT - AT_ONCE_MAX);
  expect(text).toContain('retry-after: ');
  expect(asked).toBe(AT_ONCE_MAX);
});
