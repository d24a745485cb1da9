// A rule about a header whose name has `_` (or another mark that `| 0x20` changes) sees that header.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK, targets } from './stage/wire.ts';

const POLICIES = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: guests, namespace: shop }
spec:
  action: DENY
  rules:
    - when: [{ key: "request.headers[x_role]", values: ["guest"] }]
    - when: [{ key: "request.headers[x^role]", values: ["guest"] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: callers, namespace: shop }
spec:
  action: ALLOW
  rules:
    - to: [{ operation: { notPaths: ["/tilde", "/named"] } }]
    - to: [{ operation: { paths: ["/tilde"] } }]
      when: [{ key: "request.headers[x~level]", values: ["high"] }]
    - to: [{ operation: { paths: ["/named"] } }]
      when: [{ key: "request.headers[x_level]", values: ["high"] }]
`;

let stage: Stage;
let application: Application;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  await stage.start({ upstreamPort: application.port, policies: { 'policies.yaml': POLICIES } });
});

afterAll(async () => {
  application?.close();
  await stage?.close();
});

const CASES = [
  { name: 'a deny on x_role', input: get('/underscore', 'x_role: guest\r\n'), status: 403 },
  { name: 'a deny on x_role in capitals', input: get('/capitals', 'X_ROLE: guest\r\n'), status: 403 },
  { name: 'a deny on x^role', input: get('/caret', 'x^role: guest\r\n'), status: 403 },
  { name: 'an allow on x~level, claimed as x^level', input: get('/tilde', 'x^level: high\r\n'), status: 403 },
  { name: 'an allow on x_level', input: get('/named', 'x_level: high\r\n'), status: 200 },
];

test.each(CASES)('$name', async ({ input, status }) => {
  const caller = await call(stage, web);
  caller.send(input);
  const text = await caller.until((all) => all.includes('\r\n\r\n'));
  caller.socket.destroy();
  expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  const reached = targets(application).includes(input.split(' ')[1] ?? '');
  expect(reached).toBe(status === 200);
});
