// Online Boutique and Bookinfo: what `policy suggest` makes of their traffic allows each recorded call and
// denies fifty written lateral moves. Judged by `policy eval`, which is the engine of the proxy.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { differences } from '../../../policy/algebra/differences.ts';
import type { PolicyOptions } from '../../../policy/model.ts';
import { parsePolicies } from '../../../policy/parse.ts';
import { readPolicyFiles } from '../../../policy/read-files.ts';
import { runCli } from './run-cli.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/flows');
const GRAPHS = ['online-boutique.jsonl', 'bookinfo.jsonl'] as const;
const OPTIONS: PolicyOptions = {
  ...{ rootNamespace: 'istio-system', defaultVerdict: 'deny', localTrustDomain: 'cluster.local' },
  ...{ trustDomains: [], trustDomainAliases: [], emergencyMaxMs: 0, acceptsPlaintext: false, tcpPorts: [] },
};

interface Line {
  readonly source: { readonly principal: string | null; readonly ip?: string };
  readonly destination: { readonly workload: string; readonly namespace: string; readonly port: number };
  readonly http: { readonly method: string; readonly path: string; readonly status?: number };
}

/** Calls that a policy should allow: of callers with an identity that were answered. */
const isWanted = ({ source, http }: Line): boolean => source.principal !== null && http.status !== 404;

function requestOf({ source, destination, http }: Line): object {
  const { namespace, port, workload } = destination;
  return {
    principal: source.principal,
    sourceIp: '10.8.2.7',
    destination: { namespace, port, labels: { app: workload } },
    http: { method: http.method, path: http.path, host: workload },
  };
}

let folder: string;
const lines: Line[] = [];

async function judged(requests: readonly object[]): Promise<{ verdict: string; reason: string }[]> {
  const file = join(folder, 'requests.jsonl');
  await writeFile(file, requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  const policy = GRAPHS.flatMap((name) => ['--policy', `policies-${name}`]);
  const { code, out, err } = await runCli(folder, ['policy', 'eval', ...policy, '--requests', file]);
  expect([code, err]).toEqual([0, expect.stringMatching(/^(notice: .*\n)?/)]);
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-suggest-'));
  for (const name of GRAPHS) {
    const text = await readFile(join(FIXTURES, name), 'utf8');
    lines.push(
      ...text
        .trim()
        .split('\n')
        .map((line): Line => JSON.parse(line)),
    );
    const out = join(folder, `policies-${name}`);
    const printed = await runCli(FIXTURES, ['policy', 'suggest', '--flows', name, '--out', out]);
    expect(printed.code).toBe(0);
  }
});

afterAll(() => rm(folder, { recursive: true }));

describe('policies suggested for Online Boutique and Bookinfo', () => {
  test.each(GRAPHS)('of %s pass `policy check --strict`', async (name) => {
    const { code, out } = await runCli(folder, ['policy', 'check', `policies-${name}`, '--strict']);
    expect([code, out]).toEqual([0, expect.stringMatching(/^0 errors, 0 warnings; \d+ policies/)]);
  });

  test('allow each recorded call', async () => {
    const wanted = lines.filter(isWanted);
    expect(wanted.length).toBeGreaterThan(600);
    const answers = await judged(wanted.map(requestOf));
    expect(wanted.filter((_, i) => answers[i]?.reason !== 'allow-rule')).toEqual([]);
  });

  test('deny what had no identity, or was not there', async () => {
    const unwanted = lines.filter((line) => !isWanted(line));
    const answers = await judged(unwanted.map(requestOf));
    expect(new Set(answers.map(({ verdict }) => verdict))).toEqual(new Set(['deny']));
  });

  test('deny fifty lateral moves', async () => {
    const text = await readFile(join(FIXTURES, 'lateral-moves.json'), 'utf8');
    const moves: { move: string; request: object }[] = JSON.parse(text);
    expect(moves.length).toBe(50);
    expect(new Set(moves.map(({ request }) => JSON.stringify(request))).size).toBe(50);
    const answers = await judged(moves.map(({ request }) => request));
    expect(moves.filter((_, i) => answers[i]?.verdict !== 'deny').map(({ move }) => move)).toEqual([]);
  });

  test('allow nothing but each call with its ids as `{*}`, as the algebra proves', async () => {
    const read = await readPolicyFiles(
      GRAPHS.map((name) => `policies-${name}`),
      folder,
    );
    const suggested = parsePolicies(read.files, OPTIONS, 0);
    const text = writtenOut(lines.filter(isWanted));
    const written = parsePolicies([{ file: 'written', text }], OPTIONS, 0);
    expect([suggested.diagnostics, written.diagnostics]).toEqual([[], []]);
    expect(differences(written.policies, suggested.policies, OPTIONS, 0)).toEqual({
      changes: [],
      undecided: [],
    });
  });
});

/** A policy for each different call, with what is known to be an id as `{*}`. */
function writtenOut(calls: readonly Line[]): string {
  const template = (path: string): string =>
    path.replace(/^\/(product|details|reviews|ratings|api\/v1\/products)\/[0-9A-Z]+/, '/$1/{*}');
  const rules = new Map<string, (name: string) => object>();
  for (const { source, destination, http } of calls) {
    const { namespace, workload, port } = destination;
    const path = template(http.path);
    const key = JSON.stringify([source.principal, namespace, workload, port, http.method, path]);
    rules.set(key, (name) => ({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name, namespace },
      spec: {
        selector: { matchLabels: { app: workload } },
        rules: [
          {
            from: [{ source: { principals: [source.principal?.slice('spiffe://'.length)] } }],
            to: [{ operation: { methods: [http.method], paths: [path], ports: [String(port)] } }],
          },
        ],
      },
    }));
  }
  return [...rules.values()].map((policy, i) => JSON.stringify(policy(`call-${i}`))).join('\n---\n');
}
