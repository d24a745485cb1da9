// A caller cannot get past a policy with a field that the proxy replaces or drops: policies judge what is
// forwarded.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK, targets } from './stage/wire.ts';

const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: fields, namespace: shop }
spec:
  action: ALLOW
  rules:
    - to: [{ operation: { paths: ["/own-identity"] } }]
      when: [{ key: "request.headers[x-forwarded-client-cert]", values: ["*example.org/ns/shop/sa/web"] }]
    - to: [{ operation: { paths: ["/admin"] } }]
      when: [{ key: "request.headers[x-forwarded-client-cert]", values: ["*sa/admin"] }]
    - to: [{ operation: { paths: ["/address"] } }]
      when: [{ key: "request.headers[x-forwarded-for]", values: ["10.9.9.9"] }]
    - to: [{ operation: { paths: ["/real"] } }]
      when: [{ key: "request.headers[x-real-ip]", values: ["10.9.9.9"] }]
    - to: [{ operation: { paths: ["/plain"] } }]
      when: [{ key: "request.headers[x-forwarded-proto]", values: ["http"] }]
    - to: [{ operation: { paths: ["/trailers"] } }]
      when: [{ key: "request.headers[te]", values: ["trailers"] }]
    - to: [{ operation: { paths: ["/host"], notHosts: ["127.0.0.1"] } }]
`;

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({ upstreamPort: application.port, policies: { 'fields.yaml': POLICY } });
});

afterAll(async () => {
  application?.close();
  await stage?.close();
});

const CLAIM = 'By=x;URI=spiffe://example.org/ns/shop/sa/admin';
const denied = [
  { name: 'a claimed identity', input: get('/admin', `X-Forwarded-Client-Cert: ${CLAIM}\r\n`) },
  { name: 'a claimed address', input: get('/address', 'X-Forwarded-For: 10.9.9.9\r\n') },
  { name: 'a claimed address in another field', input: get('/real', 'X-Real-Ip: 10.9.9.9\r\n') },
  { name: 'a claimed protocol', input: get('/plain', 'X-Forwarded-Proto: http\r\n') },
  { name: 'a hop-by-hop field', input: get('/trailers', 'TE: trailers\r\n') },
  { name: 'no Host, which becomes ours', input: 'GET /host HTTP/1.0\r\n\r\n' },
];

test.each(denied)('$name does not allow', async ({ input }) => {
  const caller = await call(stage, web);
  caller.send(input);
  await caller.until((text) => text.includes('"code":"default-deny"'));
  caller.socket.destroy();
  expect(targets(application)).not.toContain(input.split(' ')[1]);
});

test('the fields that the proxy sets are judged, and logged as they were judged', async () => {
  const caller = await call(stage, web);
  caller.send(get('/own-identity', `X-Forwarded-Client-Cert: ${CLAIM}\r\n`));
  await caller.until((text) => text.endsWith('ok'));
  caller.socket.destroy();
  const line = await proxy.line((l) => JSON.stringify(l['http'] ?? null).includes('/own-identity'));
  expect(JSON.stringify(line)).not.toContain('sa/admin');
});
