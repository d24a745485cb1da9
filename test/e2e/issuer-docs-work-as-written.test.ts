// docs/issuer.md in an empty folder: its commands and files, as they are but for the ports, give two
// workloads their identities, and two proxies that talk, until one is revoked and until it is let back in.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePorts } from '../../core/free-ports.ts';
import { run } from './stage/foreign.ts';
import { eventually } from './stage/observe.ts';
import { RunningProxy } from './stage/stage.ts';

const ENTRY = new URL('../../cli/main.ts', import.meta.url).pathname;
const READY_MS_MAX = 20_000;
const READ = readFileSync(new URL('../../docs/issuer.md', import.meta.url), 'utf8');
/** Every port of the document, and of the defaults that it rests on, may be taken where tests run. */
const PORTS = [8443, 8444, 9001, 15100, 15121, 15200, 15221];
const FILES = ['# cart.yaml', '# web.yaml', '# policies/shop.yaml'];

const folder = mkdtempSync(join(tmpdir(), 'sallyport-issuer-docs-'));
const service = createServer((_, response) => response.end('hello'));
const running: RunningProxy[] = [];
let free: readonly number[] = [];

beforeAll(async () => {
  await once(service.listen(0, '127.0.0.1'), 'listening');
  free = await freePorts(PORTS.length + 1);
});
afterAll(async () => {
  for (const one of running) await one.kill();
  service.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The blocks of the document in one language, with the ports of this test. */
function blocks(language: string): string[] {
  const upstream = (service.address() as AddressInfo).port;
  const moved = (text: string): string =>
    PORTS.reduce((said, port, i) => said.replaceAll(`:${port}`, `:${free[i]}`), text);
  return READ.split(`\`\`\`${language}\n`)
    .slice(1)
    .map((text) => moved(text.split('```')[0] ?? '').replaceAll('127.0.0.1:8080', `127.0.0.1:${upstream}`));
}

const SALLYPORT = `sallyport() { "${process.execPath}" "${ENTRY}" "$@"; }`;
const sh = (script: string) => run('sh', ['-ec', `cd '${folder}'\n${SALLYPORT}\n${script}`]);

async function start(...args: string[]): Promise<RunningProxy> {
  const child = spawn(process.execPath, [ENTRY, ...args], { stdio: 'pipe', cwd: folder });
  const one = new RunningProxy(child);
  running.push(one);
  await one.line((line) => line['msg'] === 'ready', READY_MS_MAX);
  return one;
}

/** What web gets of cart, through both proxies. */
async function ask(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${free[PORTS.indexOf(9001)]}/`);
  await response.arrayBuffer();
  return response.status;
}

test('six commands give two workloads their SVIDs', async () => {
  const [issuer = '', workloads = ''] = blocks('sh');
  const commands = [issuer, workloads].flatMap((text) => text.trim().split('\n'));
  expect(commands).toHaveLength(6);
  expect(commands[2]).toBe('sallyport certs serve --config issuer.yaml');
  expect(await sh(commands.slice(0, 2).join('\n'))).toMatchObject({ code: 0, err: '' });
  const config = join(folder, 'issuer.yaml');
  const [port, status] = [free[PORTS.indexOf(8444)], free[PORTS.length]];
  const addresses = `listen: { address: "127.0.0.1:${port}" }\nstatus: { address: "127.0.0.1:${status}" }\n`;
  writeFileSync(config, readFileSync(config, 'utf8') + addresses);
  await start('certs', 'serve', '--config', 'issuer.yaml');
  expect(await sh(workloads)).toMatchObject({ code: 0, err: '' });
  const looks = /`(sallyport certs (?:inspect|verify|issued)[^`]*)`/g;
  for (const [, look = ''] of READ.slice(0, READ.indexOf('## Configuration')).matchAll(looks)) {
    const { code, out } = await sh(look);
    expect([code, out], look).toEqual([0, expect.stringContaining('spiffe://example.org/ns/shop/sa/web')]);
  }
});

test('two proxies talk, until one is revoked, and again with a token', async () => {
  const found = blocks('yaml').filter((text) => FILES.some((name) => text.startsWith(name)));
  expect(found).toHaveLength(FILES.length);
  mkdirSync(join(folder, 'policies'));
  for (const [i, text] of found.entries()) writeFileSync(join(folder, FILES[i]?.slice(2) ?? ''), text);
  const [, workloads = '', acts = ''] = blocks('sh');
  const [tokens = ''] = workloads.split('\n');
  expect(await sh(tokens)).toMatchObject({ code: 0, err: '' });
  await start('proxy', '--config', 'cart.yaml');
  const web = await start('proxy', '--config', 'web.yaml');
  expect(await ask()).toBe(200);

  const [rotate = '', revoke = '', again = '', ...rest] = acts.trim().split('\n');
  expect((await sh(rotate)).out).toContain('rotating');
  await web.line((line) => line['msg'] === 'identity swapped');
  expect(await ask()).toBe(200);
  expect((await sh(revoke)).out).toContain('sallyport certs reinstate spiffe://example.org/ns/shop/sa/web');
  await eventually(ask, (status) => status === 502);
  expect(await sh(again)).toMatchObject({ code: 0, err: '' });
  await eventually(ask, (status) => status === 200, 20_000);
  for (const line of rest) expect(await sh(line), line).toMatchObject({ code: 0, err: '' });
});
