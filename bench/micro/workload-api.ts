// What a client of the Workload API adds to the start of a process and to its memory: ours on node:http2, and
// @grpc/grpc-js. Each run is a process of its own, the clients in turn.
import { execFile } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createAuthority } from '../../certs/authority/authority.ts';
import type { WorkloadUpdate } from '../../certs/workload-api/feed.ts';
import { serveWorkloadApi } from '../../certs/workload-api/server.ts';
import { FROM_SOURCES, programFile, ROOT } from '../program.ts';
import type { Figure } from './measure.ts';

const PROGRAM = 'micro/workload-api-process';
/** Below package.json, so that packages are found. */
const EMITTED = join(ROOT, '.bench', 'workload-api');
const CLIENTS = ['none', 'ours', 'grpc-js'] as const;
const NAMES = { none: 'no client', ours: 'ours on node:http2', 'grpc-js': '@grpc/grpc-js' };
const RUNS = 11;

/** Medians over the runs: from the import of the client to the first SVID, and resident memory then. */
export async function workloadApiFigures(runs = RUNS): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const update = await issue();
  const feed = { current: () => update, onChange: () => () => undefined };
  const server = await serveWorkloadApi({ directory, name: 'bench', uid, gid, feed });
  try {
    const took = await measure(server.uri, runs);
    const medians = (what: 'ms' | 'rssMb', unit: string): Figure[] =>
      CLIENTS.map((client) => ({
        name: `${what === 'ms' ? 'import to first SVID' : 'resident'}, ${NAMES[client]}`,
        value: median((took.get(client) ?? []).map((one) => one[what])),
        unit,
      }));
    return [...medians('ms', 'ms'), ...medians('rssMb', 'MB')];
  } finally {
    await server.close();
    await rm(directory, { recursive: true, force: true });
    await rm(EMITTED, { recursive: true, force: true });
  }
}

interface Took {
  readonly ms: number;
  readonly rssMb: number;
}

async function measure(uri: string, runs: number): Promise<Map<string, Took[]>> {
  const program = await emittedProgram();
  const took = new Map<string, Took[]>(CLIENTS.map((client) => [client, []]));
  for (let run = 0; run < runs; run++)
    for (const client of CLIENTS) {
      const { stdout } = await promisify(execFile)(process.execPath, [program, client, uri]);
      const one: Took = JSON.parse(stdout);
      took.get(client)?.push(one);
    }
  return took;
}

/** As the product is started: from JavaScript. Types to strip would be most of what is measured. */
async function emittedProgram(): Promise<string> {
  if (!FROM_SOURCES) return programFile(PROGRAM);
  await promisify(execFile)(process.execPath, [join(ROOT, 'bench', 'emit.ts'), EMITTED], { cwd: ROOT });
  return join(EMITTED, 'bench', `${PROGRAM}.js`);
}

async function issue(): Promise<WorkloadUpdate> {
  const root = await createAuthority({ trustDomain: 'example.org' });
  const spiffeId = 'spiffe://example.org/ns/shop/sa/web';
  const { chainDer, privateKeyPem } = await (await root.createIntermediate()).issue({ spiffeId });
  const privateKeyPkcs8 = createPrivateKey(privateKeyPem ?? '').export({ format: 'der', type: 'pkcs8' });
  const svid = { spiffeId, chainDer, privateKeyPkcs8, bundleDer: [root.certificate.der], hint: '' };
  return { svids: [svid], federated: new Map(), crls: [] };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
