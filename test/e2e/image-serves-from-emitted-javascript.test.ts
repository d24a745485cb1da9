// The image: its stages carried out in plain folders, then its own entry point, health check and signal
// handling.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePorts } from '../../core/free-ports.ts';
import { buildStages, execForm, parseDockerfile } from '../unit/deploy/dockerfile.ts';

const BUILD_TIMEOUT_MS = 180_000;
const READY_TIMEOUT_MS = 20_000;

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'sallyport-image-'));
const stages = parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'));
const final = stages.at(-1);
const words = (name: string): string[] =>
  execForm(final?.instructions.find((one) => one.name === name)?.text ?? '');
const children: ChildProcess[] = [];
let app = '';

beforeAll(() => {
  app = buildStages(stages, root, join(folder, 'stages')).get(final?.name ?? '')?.workdir ?? '';
}, BUILD_TIMEOUT_MS);
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** The image's entry point with other arguments. */
function entry(...args: string[]): string {
  const [command = '', ...rest] = words('ENTRYPOINT');
  const { status, stdout, stderr } = spawnSync(command, [...rest, ...args], { cwd: app, encoding: 'utf8' });
  expect(status, stdout + stderr).toBe(0);
  return stdout;
}

test('says its version', () => {
  const manifest = readFileSync(join(root, 'package.json'), 'utf8');
  expect(manifest).toContain(`"version": "${entry('--version').trim().split(' ').at(-1)}"`);
});

test('holds neither sources nor development packages', () => {
  for (const name of ['cli', 'node_modules/vitest', 'node_modules/typescript', 'node_modules/node']) {
    expect(existsSync(join(app, name)), name).toBe(false);
  }
});

test('starts, is healthy by its own health check, and ends on SIGTERM', async () => {
  const { config, listener, status } = await configuration();
  entry('config', 'check', config);
  const [command = '', ...rest] = words('ENTRYPOINT');
  const proxy = spawn(command, [...rest, 'proxy', '--config', config], { cwd: app, stdio: 'ignore' });
  children.push(proxy);
  const exited = once(proxy, 'exit');
  await ready(status);

  const [node = '', flag = '', script = ''] = words('HEALTHCHECK');
  const check = (port: number): number | null =>
    spawnSync(node, [flag, script.replace('15021', String(port))], { cwd: app }).status;
  expect(check(status)).toBe(0);
  const [nobody = 0] = await freePorts(1);
  expect(check(nobody), 'nobody listens there').toBe(1);

  expect(await ticketsSent(listener), 'tickets that nobody may use').toBe(0);

  proxy.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});

/** A configuration with its own CA and free ports, made by the image itself. */
async function configuration(): Promise<{ config: string; listener: number; status: number }> {
  const [listener = 0, upstream, status = 0, admin] = await freePorts(4);
  const at = (name: string): string => join(folder, name);
  mkdirSync(at('policies'));
  entry('certs', 'ca', '--out', at('ca'));
  entry('certs', 'issue', 'spiffe://example.org/ns/shop/sa/cart', '--ca', at('ca'), '--out', folder);
  const text = `
identity:
  trustDomain: example.org
  files: { certificate: tls.crt, key: tls.key, bundles: { example.org: ca/ca.pem } }
listeners:
  - { name: inbound, address: "127.0.0.1:${listener}", protocol: http, upstream: "127.0.0.1:${upstream}" }
policy: { files: [policies/] }
status: { address: "127.0.0.1:${status}" }
admin: { address: "127.0.0.1:${admin}" }
shutdown: { delay: 0s, drain: 1s }
`;
  writeFileSync(at('config.yaml'), text);
  return { config: at('config.yaml'), listener, status };
}

/** How many session tickets come before the answer to a first request. */
function ticketsSent(port: number): Promise<number> {
  const pem = (name: string): string => readFileSync(join(folder, name), 'utf8');
  return new Promise((resolve, reject) => {
    let tickets = 0;
    const caller = { cert: pem('tls.crt'), key: pem('tls.key'), ca: pem('ca/ca.pem') };
    const socket = connect({ ...caller, host: '127.0.0.1', port, checkServerIdentity: () => undefined });
    socket.on('session', () => tickets++);
    socket.once('error', reject);
    socket.once('data', () => {
      socket.destroy();
      resolve(tickets);
    });
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  });
}

/** Resolves once /readyz answers 200. */
async function ready(port: number): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    if (response?.status === 200) return;
    expect(Date.now(), 'not ready in time').toBeLessThan(deadline);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
