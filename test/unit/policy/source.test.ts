// policy/source.ts with real files and the real loader process: what is in force after every kind of update.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock, type Timer } from '../../../core/clock.ts';
import type { Diagnostic } from '../../../core/errors.ts';
import type { PolicyOptions, Workload } from '../../../policy/model.ts';
import { createFilePolicySource, type PolicySource } from '../../../policy/source.ts';
import { ruleIds } from '../../../policy/table.ts';
import { startLoader } from '../../../policy/worker-client.ts';

const WORKLOAD: Workload = { namespace: 'shop', serviceAccount: 'web', labels: { app: 'web' } };
const OPTIONS: PolicyOptions = {
  rootNamespace: 'istio-system',
  defaultVerdict: 'deny',
  localTrustDomain: 'example.org',
  trustDomains: [],
  trustDomainAliases: [],
  emergencyMaxMs: 86_400_000,
  acceptsPlaintext: false,
  tcpPorts: [],
};

let folder: string;
let open: PolicySource[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'policy-source-'));
});

afterEach(() => {
  for (const source of open) source.close();
  open = [];
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string): string => join(folder, name);

function write(name: string, text: string): void {
  mkdirSync(dirname(at(name)), { recursive: true });
  writeFileSync(at(name), text);
}

interface Spec {
  name: string;
  namespace?: string;
  action?: string;
  selector?: Record<string, string>;
  annotations?: Record<string, string>;
  methods?: string[];
}

const policy = ({
  name,
  namespace = 'shop',
  action = 'ALLOW',
  selector,
  annotations,
  methods = ['GET'],
}: Spec) =>
  JSON.stringify({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name, namespace, ...(annotations === undefined ? {} : { annotations }) },
    spec: {
      action,
      ...(selector === undefined ? {} : { selector: { matchLabels: selector } }),
      rules: [{ to: [{ operation: { methods } }], from: [{ source: { principals: ['*'] } }] }],
    },
  });

const BROKEN = policy({ name: 'broken', methods: [''] });
const BROKEN_ROOT = policy({ name: 'broken', namespace: 'istio-system', methods: [''] });
const ROOT = policy({ name: 'root', namespace: 'istio-system', action: 'DENY', methods: ['DELETE'] });

async function start(
  options: { clock?: Clock; paths?: string[]; policy?: Partial<PolicyOptions>; workload?: Workload } = {},
) {
  const source = createFilePolicySource({
    paths: options.paths ?? [at('policies')],
    workload: options.workload ?? WORKLOAD,
    options: { ...OPTIONS, ...options.policy },
    clock: options.clock ?? systemClock,
    debounceMs: 15,
  });
  open.push(source);
  await source.ready;
  return source;
}

const nextChange = (source: PolicySource): Promise<void> =>
  new Promise((resolve) => {
    const stop = source.onChange(() => {
      stop();
      resolve();
    });
  });

const nextProblem = (source: PolicySource): Promise<readonly Diagnostic[]> =>
  new Promise((resolve) => {
    const stop = source.onProblem((diagnostics) => {
      stop();
      resolve(diagnostics);
    });
  });

const rules = (source: PolicySource): string[] =>
  ruleIds(source.current().table).map((id) => id.split('-rule')[0] ?? '');

describe('the first load', () => {
  it('starts with no-policy, which denies everything', () => {
    write('policies/a.yaml', policy({ name: 'a' }));
    const source = createFilePolicySource({ paths: [at('policies')], workload: WORKLOAD, options: OPTIONS });
    open.push(source);
    expect(source.current()).toMatchObject({ revision: 0, policyHash: 'none', loadedAtMs: null });
    expect(source.current().table.failure).toBe('no-policy');
  });

  it('takes the root set first, then the own namespace, and nobody else’s', async () => {
    write('policies/own.yaml', policy({ name: 'own' }));
    write('policies/sub/root.json', ROOT);
    write('policies/other.yaml', policy({ name: 'other', namespace: 'bank' }));
    write('policies/label.yaml', policy({ name: 'label', selector: { app: 'cart' } }));
    const source = await start();
    expect(rules(source)).toEqual(['ns[istio-system]-policy[root]', 'ns[shop]-policy[own]']);
    expect(source.current()).toMatchObject({
      revision: 1,
      policyHash: expect.stringMatching(/^sha256:/),
      loadedAtMs: expect.any(Number),
      notices: [],
      sources: {
        root: { namespace: 'istio-system', result: 'ok', policies: 1 },
        namespace: { namespace: 'shop', result: 'ok', policies: 1 },
      },
    });
  });

  it('an empty folder is a policy: everything is denied, and that is no failure', async () => {
    mkdirSync(at('policies'));
    const source = await start();
    expect(source.current().table.failure).toBeNull();
    expect(source.current().sources.namespace).toMatchObject({ result: 'ok', policies: 0 });
  });

  it('a workload of the root namespace has one set', async () => {
    write('policies/root.yaml', ROOT);
    const source = await start({ workload: { ...WORKLOAD, namespace: 'istio-system' } });
    expect(rules(source)).toEqual(['ns[istio-system]-policy[root]']);
    expect(source.current().sources.root).toEqual(source.current().sources.namespace);
  });

  const bad: { name: string; files: Record<string, string>; paths?: string[]; code: string }[] = [
    { name: 'a broken policy', files: { 'policies/a.yaml': BROKEN }, code: 'ERR_POLICY_' },
    {
      name: 'a broken root policy beside a good own one',
      files: { 'policies/a.yaml': BROKEN_ROOT, 'policies/b.yaml': policy({ name: 'b' }) },
      code: 'ERR_POLICY_',
    },
    { name: 'no YAML', files: { 'policies/a.yaml': 'a: [' }, code: 'ERR_POLICY_YAML' },
    { name: 'a missing folder', files: {}, code: 'ERR_POLICY_FILE' },
    {
      name: 'one of two paths missing',
      files: { 'policies/a.yaml': policy({ name: 'a' }) },
      paths: ['policies', 'more'],
      code: 'ERR_POLICY_FILE',
    },
    {
      name: 'one name twice',
      files: { 'policies/a.yaml': policy({ name: 'a' }), 'policies/b.yaml': policy({ name: 'a' }) },
      code: 'ERR_POLICY_',
    },
    {
      name: 'a field that is not built',
      files: { 'policies/a.yaml': policy({ name: 'a', action: 'CUSTOM' }) },
      code: 'ERR_POLICY_',
    },
  ];
  it.each(bad)('$name: invalid-policy, until it is mended', async ({ files, paths, code }) => {
    for (const [name, text] of Object.entries(files)) write(name, text);
    const source = await start(paths === undefined ? {} : { paths: paths.map(at) });
    expect(source.current().table.failure).toBe('invalid-policy');
    expect(source.current().revision).toBe(1);
    expect(source.problems()[0]).toMatchObject({ severity: 'error', code: expect.stringContaining(code) });

    const changed = nextChange(source);
    rmSync(at('policies'), { recursive: true, force: true });
    mkdirSync(at('more'), { recursive: true });
    write('policies/good.yaml', policy({ name: 'good' }));
    await changed;
    expect(source.current().table.failure).toBeNull();
    expect(rules(source)).toEqual(['ns[shop]-policy[good]']);
  });
});

describe('an update', () => {
  it('replaces the table', async () => {
    write('policies/a.yaml', policy({ name: 'a' }));
    const source = await start();
    const before = source.current();
    const changed = nextChange(source);
    write('policies/b.yaml', policy({ name: 'b' }));
    await changed;
    expect(rules(source)).toEqual(['ns[shop]-policy[a]', 'ns[shop]-policy[b]']);
    expect(source.current().revision).toBe(before.revision + 1);
    expect(source.current().policyHash).not.toBe(before.policyHash);
  });

  it('that says the same keeps table and revision', async () => {
    write('policies/a.yaml', policy({ name: 'a' }));
    const source = await start();
    const before = source.current();
    // A label of another workload makes a new text, a warning-free load, and the same table.
    write('policies/z.yaml', policy({ name: 'z', selector: { app: 'cart' } }));
    const changed = nextChange(source);
    await new Promise<void>((resolve) => {
      const look = () => (source.current() === before ? setImmediate(look) : resolve());
      look();
    });
    expect(source.current().table).toBe(before.table);
    expect(source.current().revision).toBe(before.revision);
    write('policies/a.yaml', policy({ name: 'a', methods: ['PUT'] }));
    await changed;
  });

  const refused: { name: string; change: () => void; code: string }[] = [
    { name: 'a broken own policy', change: () => write('policies/x.yaml', BROKEN), code: 'ERR_POLICY_' },
    {
      name: 'a broken root policy',
      change: () => write('policies/x.yaml', BROKEN_ROOT),
      code: 'ERR_POLICY_',
    },
    {
      name: 'a half-written file',
      change: () => write('policies/x.yaml', 'spec: {'),
      code: 'ERR_POLICY_YAML',
    },
    {
      name: 'the folder removed',
      change: () => rmSync(at('policies'), { recursive: true }),
      code: 'ERR_POLICY_FILE',
    },
    {
      name: 'a file that is not text',
      change: () => writeFileSync(at('policies/x.yaml'), Buffer.from([0xff, 0xfe])),
      code: 'ERR_POLICY_FILE',
    },
  ];
  it.each(refused)('$name is refused: what was good stays, with its revision', async ({ change, code }) => {
    write('policies/own.yaml', policy({ name: 'own' }));
    write('policies/root.yaml', ROOT);
    const source = await start();
    const before = source.current();
    const problem = nextProblem(source);
    change();
    expect((await problem)[0]).toMatchObject({ severity: 'error', code: expect.stringContaining(code) });
    expect(source.current().revision).toBe(before.revision);
    expect(source.current().table).toBe(before.table);
    expect(source.current().loadedAtMs).toBe(before.loadedAtMs);
    expect([source.current().sources.root.result, source.current().sources.namespace.result]).toContain(
      'refused',
    );
  });

  it('of one set takes effect although the other set is refused', async () => {
    write('policies/own.yaml', policy({ name: 'own' }));
    write('policies/root.yaml', ROOT);
    const source = await start();
    const problem = nextProblem(source);
    write('policies/own.yaml', BROKEN);
    await problem;
    expect(source.current().sources).toMatchObject({
      root: { result: 'ok', policies: 1 },
      namespace: { result: 'refused', policies: 1 },
    });
    const changed = nextChange(source);
    write('policies/root2.yaml', policy({ name: 'root2', namespace: 'istio-system', action: 'DENY' }));
    await changed;
    expect(rules(source)).toEqual([
      'ns[istio-system]-policy[root]',
      'ns[istio-system]-policy[root2]',
      'ns[shop]-policy[own]',
    ]);
    expect(source.problems()[0]).toMatchObject({ severity: 'error' });
    const mended = nextChange(source);
    write('policies/own.yaml', policy({ name: 'own2' }));
    await mended;
    expect(rules(source)).toContain('ns[shop]-policy[own2]');
    expect(source.problems()).toEqual([]);
  });

  it('tells what became of each set, also when it is refused', async () => {
    write('policies/own.yaml', policy({ name: 'own' }));
    const source = await start();
    const load = new Promise((resolve) => {
      source.onLoad((sets) => resolve(sets.map(({ namespace, result }) => `${namespace} ${result}`)));
    });
    write('policies/own.yaml', BROKEN);
    expect(await load).toEqual(['istio-system ok', 'shop refused']);
  });

  it('that breaks a policy for another workload only warns', async () => {
    write('policies/own.yaml', policy({ name: 'own' }));
    const source = await start();
    const problem = nextProblem(source);
    const changed = nextChange(source);
    write('policies/own.yaml', policy({ name: 'own', methods: ['GET', 'PUT'] }));
    write('policies/x.yaml', policy({ name: 'x', selector: { app: 'cart' }, methods: [''] }));
    await Promise.all([problem, changed]);
    expect(source.problems().map((d) => d.severity)).toEqual(['warning']);
    expect(source.current().sources.namespace.result).toBe('ok');
  });

  it('that removes a policy takes it back', async () => {
    write('policies/a.yaml', policy({ name: 'a' }));
    write('policies/b.yaml', policy({ name: 'b' }));
    const source = await start();
    const changed = nextChange(source);
    unlinkSync(at('policies/b.yaml'));
    await changed;
    expect(rules(source)).toEqual(['ns[shop]-policy[a]']);
  });
});

/** Real time, shifted at will: the loader and the files are real. */
class ShiftedClock implements Clock {
  shiftMs = 0;
  readonly timers: { delayMs: number; task: () => void }[] = [];
  now = (): number => Date.now() + this.shiftMs;
  monotonicMs = (): number => performance.now();
  after(delayMs: number, task: () => void): Timer {
    const entry = { delayMs, task };
    this.timers.push(entry);
    return { cancel: () => void this.timers.splice(this.timers.indexOf(entry), 1) };
  }
}

describe('expiry', () => {
  const emergency = (expiresAt: Date) => ({
    'sallyport.dev/expires-at': expiresAt.toISOString(),
    'sallyport.dev/emergency': 'true',
    'sallyport.dev/reason': 'incident 7',
    'sallyport.dev/author': 'ops',
  });

  it('makes a new revision of the same table, and counts no emergency from then', async () => {
    const clock = new ShiftedClock();
    write('policies/a.yaml', policy({ name: 'a', annotations: emergency(new Date(Date.now() + 3_600_000)) }));
    const source = await start({ clock });
    expect([source.current().revision, source.emergencyRules()]).toEqual([1, 1]);
    const timer = clock.timers.find((t) => t.delayMs > 3_000_000);
    expect(timer?.delayMs).toBeLessThanOrEqual(3_600_000);
    const { table } = source.current();

    timer?.task(); // too early: nothing has expired
    expect([source.current().revision, source.emergencyRules()]).toEqual([1, 1]);

    // Before the timer runs: what decides sees the end already, and so does the count.
    clock.shiftMs = 3_600_001;
    expect([source.current().revision, source.emergencyRules()]).toEqual([1, 0]);
    const changed = nextChange(source);
    clock.timers
      .filter((t) => t.delayMs > 3_000_000)
      .at(-1)
      ?.task();
    await changed;
    expect([source.current().revision, source.emergencyRules()]).toEqual([2, 0]);
    expect(source.current().table).toBe(table);
  });

  it('of an emergency beyond the longest allowed is an error', async () => {
    write(
      'policies/a.yaml',
      policy({ name: 'a', annotations: emergency(new Date(Date.now() + 90_000_000)) }),
    );
    const source = await start();
    expect(source.current().table.failure).toBe('invalid-policy');
  });
});

describe('the loader process', () => {
  const request = () => ({
    paths: [at('policies')],
    workload: WORKLOAD,
    options: OPTIONS,
    nowMs: Date.now(),
    kept: {},
  });

  it('answers several jobs in order, and fails what is asked after its end', async () => {
    write('policies/a.yaml', policy({ name: 'a' }));
    const loader = startLoader();
    const [policies, config] = await Promise.allSettled([
      loader.loadPolicies(request()),
      loader.loadConfig(at('absent.yaml')),
    ]);
    expect(policies).toMatchObject({ status: 'fulfilled', value: { diagnostics: [] } });
    expect(config).toMatchObject({
      status: 'rejected',
      reason: { code: 'ERR_CONFIG_READ', hint: expect.any(String) },
    });
    loader.close();
    await expect(loader.loadPolicies(request())).rejects.toMatchObject({ code: 'ERR_LOADER' });
  });

  it('carries the faults of a configuration with their places', async () => {
    write('c.yaml', 'listeners: []\nfoo: 1\n');
    const loader = startLoader();
    await expect(loader.loadConfig(at('c.yaml'))).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      diagnostics: expect.arrayContaining([
        expect.objectContaining({ code: 'ERR_CONFIG_KEY', at: { file: at('c.yaml'), line: 2, column: 1 } }),
      ]),
    });
    loader.close();
  });

  it('is started again after it was idle', async () => {
    write('policies/a.yaml', policy({ name: 'a' }));
    const clock = new ShiftedClock();
    const loader = startLoader(clock);
    const first = await loader.loadPolicies(request());
    clock.timers.find((t) => t.delayMs === 2_000)?.task();
    const second = await loader.loadPolicies(request());
    expect(second.table?.policyHash).toBe(first.table?.policyHash);
    loader.close();
  });

  it('fails what it was asked when it is ended in the middle', async () => {
    write('policies/a.yaml', policy({ name: 'a' }));
    const loader = startLoader();
    const asked = loader.loadPolicies(request());
    loader.close();
    await expect(asked).rejects.toMatchObject({ code: 'ERR_LOADER', hint: expect.any(String) });
  });

  it('that fails at first is invalid-policy, and asked again a second later', async () => {
    write('policies/a.yaml', policy({ name: 'a' }));
    const clock = new ShiftedClock();
    const good = startLoader();
    let failing = true;
    const source = createFilePolicySource({
      paths: [at('policies')],
      workload: WORKLOAD,
      options: OPTIONS,
      clock,
      loader: {
        ...good,
        loadConfig: (file) => good.loadConfig(file),
        loadPolicies: (r) => (failing ? Promise.reject(new Error('spawn EAGAIN')) : good.loadPolicies(r)),
        close: () => good.close(),
      },
    });
    open.push(source);
    await source.ready;
    expect(source.current().table.failure).toBe('invalid-policy');
    expect(source.problems()).toMatchObject([{ code: 'ERR_LOADER', message: 'spawn EAGAIN' }]);
    failing = false;
    const changed = nextChange(source);
    clock.timers.find((t) => t.delayMs === 1_000)?.task();
    await changed;
    expect(rules(source)).toEqual(['ns[shop]-policy[a]']);
  });

  it('is no child of a closed source', async () => {
    write('policies/a.yaml', policy({ name: 'a' }));
    const source = await start();
    const children = () =>
      readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
        .split(' ')
        .filter((pid) => pid !== '');
    const before = children();
    source.close();
    expect(before.length).toBeGreaterThan(0);
    await new Promise<void>((resolve) => {
      const look = () => (children().length < before.length ? resolve() : setImmediate(look));
      look();
    });
  });
});
