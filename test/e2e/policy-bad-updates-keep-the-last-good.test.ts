// A bad update is refused with its place, counted, and changes nothing: each source keeps its own last good
// version.
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, metric, statusPage } from './stage/observe.ts';
import { policyText } from './stage/policies.ts';
import { type LogLine, type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK } from './stage/wire.ts';

const GOOD = policyText({ paths: ['/a'] });
const ROOT = policyText({ name: 'platform', namespace: 'istio-system', action: 'DENY', paths: ['/root'] });

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({
    upstreamPort: application.port,
    policies: { 'web.yaml': GOOD, 'root.yaml': ROOT },
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

async function ask(path: string): Promise<number> {
  const caller = await call(stage, web);
  caller.send(get(path, 'Connection: close\r\n'));
  return Number((await caller.end()).slice(9, 12));
}

const until = (path: string, status: number): Promise<number> =>
  eventually(
    () => ask(path),
    (got) => got === status,
  );

const loads = (source: string, result: string): Promise<number> =>
  metric(stage, `sallyport_policy_loads_total{source="${source}",result="${result}"}`);

const findings = (from: number): LogLine[] =>
  proxy.lines.slice(from).filter((line) => line['msg'] === 'policy findings');

const BAD = [
  {
    name: 'a syntax error',
    text: `${GOOD}\n  broken: [`,
    at: { line: 10 },
    message: /flow|collection|expected|\[/i,
  },
  {
    name: 'an unknown field',
    text: GOOD.replace('paths', 'pahts'),
    at: { line: 8, column: 26 },
    message: /unknown.*`pahts`/,
    hint: /did you mean `paths`/,
  },
  {
    name: 'a field that is not built',
    text: GOOD.replace('action: ALLOW', 'action: CUSTOM'),
    at: { line: 5 },
    message: /CUSTOM/,
  },
  {
    name: 'a lower-case method',
    text: policyText({ methods: ['get'] }),
    at: { line: 8 },
    message: /`get`/,
    hint: /GET/,
  },
];

test.each(BAD)('$name: refused with file, line and column', async ({ text, at, message, hint }) => {
  const from = proxy.lines.length;
  const refused = await loads('namespace', 'refused');
  const ok = await loads('namespace', 'ok');
  const before = await loads('root', 'ok');
  stage.write('policies/web.yaml', text);
  const line = await proxy.line((one) => proxy.lines.indexOf(one) >= from && one['level'] === 'error');
  expect(line).toMatchObject({
    msg: 'policy findings',
    code: expect.stringMatching(/^ERR_POLICY_/),
    at: { file: stage.path('policies/web.yaml'), ...at },
    message: expect.stringMatching(message),
  });
  if (hint !== undefined) expect(line['hint']).toMatch(hint);
  expect(await loads('namespace', 'refused')).toBe(refused + 1);
  expect(await loads('root', 'ok')).toBe(before + 1);
  expect([await ask('/a'), await ask('/b'), await ask('/root')]).toEqual([200, 403, 403]);
  expect((await statusPage(stage, '/readyz')).status).toBe(200);
  stage.write('policies/web.yaml', GOOD);
  await eventually(
    () => loads('namespace', 'ok'),
    (now) => now > ok,
  );
});

test('while one source is refused, an update of the other takes effect', async () => {
  const from = proxy.lines.length;
  stage.write('policies/web.yaml', GOOD.replace('rules', 'ruels'));
  await eventually(
    () => findings(from).length,
    (n) => n > 0,
  );
  stage.write('policies/root.yaml', ROOT.replace('/root', '/a'));
  await until('/a', 403);
  await until('/root', 403); // not denied by a rule any more, and nothing allows it
  stage.write('policies/root.yaml', ROOT);
  await until('/a', 200);

  stage.write('policies/root.yaml', ROOT.replace('rules', 'ruels'));
  stage.write('policies/web.yaml', policyText({ paths: ['/a', '/c', '/root'] }));
  await until('/c', 200);
  expect(await ask('/root')).toBe(403); // the platform's DENY is that of the last good version
  stage.write('policies/root.yaml', ROOT);
  stage.write('policies/web.yaml', GOOD);
  await until('/c', 403);
});

test('a bad policy that does not select the workload only warns', async () => {
  const from = proxy.lines.length;
  const refused = await loads('namespace', 'refused');
  stage.write(
    'policies/other.yaml',
    policyText({ name: 'other', selector: { app: 'stock' } }).replace('principals', 'principles'),
  );
  const line = await proxy.line((one) => findings(from).includes(one));
  expect(line).toMatchObject({ level: 'warn', at: { file: stage.path('policies/other.yaml') } });
  stage.write('policies/web.yaml', policyText({ paths: ['/a', '/d'] }));
  await until('/d', 200); // updates go on beside it
  expect(await loads('namespace', 'refused')).toBe(refused);
  rmSync(stage.path('policies/other.yaml'));
});

test('a folder that goes away keeps what was in it, and its return is taken', async () => {
  const from = proxy.lines.length;
  rmSync(stage.path('policies'), { recursive: true });
  await proxy.line((one) => proxy.lines.indexOf(one) >= from && one['code'] === 'ERR_POLICY_FILE');
  expect([await ask('/a'), await ask('/root')]).toEqual([200, 403]);
});
