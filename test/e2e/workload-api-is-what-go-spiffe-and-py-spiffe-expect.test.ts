// go-spiffe and py-spiffe, as workloads: they get SVIDs and bundles from our Workload API, hear of a
// rotation, and see a denial as what it is.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
import { findCommand, findPython } from '../requirements.ts';
import { eventually } from './stage/observe.ts';
import { WorkloadApiAgent } from './stage/workload-api-agent.ts';

const ID = 'spiffe://example.org/ns/shop/sa/web';

/** One line of a workload. */
interface Said {
  readonly svids?: readonly { readonly id: string; readonly serial: string; readonly chain: number }[];
  /** Certificates by trust domain. */
  readonly bundles?: Readonly<Record<string, number>>;
  readonly error?: string;
}

/** A foreign workload that is running. */
class Workload {
  readonly #child: ChildProcess;
  #out = '';
  #err = '';

  constructor(command: readonly string[], method: string, uri: string) {
    const [name = '', ...args] = command;
    this.#child = spawn(name, [...args, method, uri], { stdio: 'pipe' });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text;
    });
  }

  /** The first line that `fits`. */
  async hears(fits: (said: Said) => boolean): Promise<Said> {
    const lines = (): Said[] =>
      this.#out
        .split('\n')
        .slice(0, -1)
        .map((line): Said => JSON.parse(line));
    const all = await eventually(lines, (said) => said.some(fits), 10_000).catch((cause: unknown) => {
      throw new Error(`it heard ${this.#out}${this.#err}`, { cause });
    });
    return all.find(fits) ?? {};
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.stdin?.end();
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

const PYTHON_CLIENT = join(import.meta.dirname, 'foreign', 'workload-api-client.py');
const CLIENTS = [
  { name: 'go-spiffe', command: [findCommand('workload-api-client') ?? ''] },
  { name: 'py-spiffe', command: [findPython('spiffe') ?? '', PYTHON_CLIENT] },
];

let ca: Authority;
let agent: WorkloadApiAgent;
const workloads: Workload[] = [];

beforeEach(async () => {
  ca = await createAuthority({ trustDomain: 'example.org' });
  agent = await WorkloadApiAgent.start({ authority: await ca.createIntermediate(), spiffeId: ID });
  await agent.rotate({ bundles: { 'example.org': ca.certificatePem } });
});

afterEach(async () => {
  for (const workload of workloads.splice(0)) await workload.close();
  await agent.close();
});

describe.each(CLIENTS)('$name', ({ command }) => {
  const start = (method: string): Workload => {
    if (command[0] === '') throw new Error('a client is missing: see test/requirements.ts');
    const workload = new Workload(command, method, agent.uri);
    workloads.push(workload);
    return workload;
  };
  const holds =
    (serial: string) =>
    ({ svids = [] }: Said): boolean =>
      svids[0]?.serial.padStart(serial.length, '0') === serial;

  test('gets the SVID with its chain and bundles, and every rotation', async () => {
    const other = await createAuthority({ trustDomain: 'b.example' });
    const bundles = { 'example.org': ca.certificatePem, 'b.example': other.certificatePem };
    const { serial } = await agent.rotate({ bundles, hints: ['internal'] });
    const workload = start('svids');
    const first = await workload.hears(holds(serial));
    expect(first.svids?.map(({ id, chain }) => ({ id, chain }))).toEqual([
      { id: ID, chain: 2 },
      { id: ID, chain: 2 },
    ]);
    // The intermediate that issues is an anchor too: agents may send both.
    expect(first.bundles).toEqual({ 'example.org': 2, 'b.example': 1 });
    for (let i = 0; i < 3; i++) await workload.hears(holds((await agent.rotate()).serial));
    const last = await agent.rotate({ bundles: { 'example.org': ca.certificatePem }, hints: [] });
    expect(await workload.hears(holds(last.serial))).toMatchObject({ bundles: { 'example.org': 2 } });
  });

  test('gets bundles alone', async () => {
    const said = await start('bundles').hears(({ bundles }) => bundles !== undefined);
    expect(said.bundles).toEqual({ 'example.org': 2 });
  });

  test.each(['svids', 'bundles'])('sees that it has no identity: %s', async (method) => {
    agent.withdraw();
    const said = await start(method).hears(({ error }) => error !== undefined);
    expect(said.error).toContain('no identity issued');
    expect(said.error).toMatch(/PermissionDenied|PERMISSION_DENIED/);
  });

  test('gets its identity after a denial in the middle', async () => {
    const workload = start('svids');
    await workload.hears(({ svids }) => svids !== undefined);
    agent.withdraw();
    await expect.poll(() => agent.streams).toBe(0);
    const { serial } = await agent.rotate();
    await workload.hears(holds(serial));
  });

  test('comes back to an agent that was restarted', async () => {
    const workload = start('svids');
    await workload.hears(({ svids }) => svids !== undefined);
    await agent.stop();
    const { serial } = await agent.rotate();
    await agent.restart();
    await workload.hears(holds(serial));
  });

  test('sees that there are no JWT-SVIDs', async () => {
    const said = await start('jwt').hears(({ error }) => error !== undefined);
    expect(said.error).toMatch(/Unimplemented|UNIMPLEMENTED/);
  });
});

test('go-spiffe verifies the SVIDs', async () => {
  const [go] = CLIENTS;
  const workload = new Workload(go?.command ?? [], 'svids', agent.uri);
  workloads.push(workload);
  const said = await workload.hears(({ svids }) => svids !== undefined);
  expect(said.svids).toEqual([expect.objectContaining({ verified: true, hint: '' })]);
});
