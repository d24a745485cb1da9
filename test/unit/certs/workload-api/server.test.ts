// The Workload API server against callers that are odd, slow or hostile, and against a socket that changes.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import type { WorkloadUpdate } from '../../../../certs/workload-api/feed.ts';
import { FrameReader, writeFrame } from '../../../../certs/workload-api/grpc-frames.ts';
import { readX509SvidResponse } from '../../../../certs/workload-api/messages.ts';
import {
  serveWorkloadApi,
  type WorkloadApiServer,
  type WorkloadApiServerOptions,
} from '../../../../certs/workload-api/server.ts';
import type { Diagnostic } from '../../../../core/errors.ts';
import { ID } from '../make-certificate.ts';
import { HeldFeed, issued } from './held-feed.ts';

const UID = process.getuid?.() ?? 0;
const GID = process.getgid?.() ?? 0;
const NOBODY = 65_534;
const IS_ROOT = UID === 0;
const TIMES = { pollMs: 20, patienceMs: 500, stopMs: 200 };
const REQUEST = writeFrame(Buffer.alloc(0));
const SVIDS = '/SpiffeWorkloadAPI/FetchX509SVID';

let ca: Authority;
let update: WorkloadUpdate;
let dir: string;
let feed: HeldFeed;
const servers: WorkloadApiServer[] = [];
const sessions: http2.ClientHttp2Session[] = [];

beforeAll(async () => {
  ca = await createAuthority({ trustDomain: 'example.org' });
  update = issued(await ca.issue({ spiffeId: ID }), ca);
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-agent-'));
  feed = new HeldFeed(update);
});
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  for (const server of servers.splice(0)) await server.close();
  rmSync(dir, { recursive: true, force: true });
});

async function serve(more: Partial<WorkloadApiServerOptions> = {}): Promise<WorkloadApiServer> {
  const options = { directory: dir, name: 'web', uid: UID, gid: GID, feed, times: TIMES, ...more };
  const server = await serveWorkloadApi(options);
  servers.push(server);
  return server;
}

function connect(path: string): http2.ClientHttp2Session {
  const session = http2.connect('http://localhost', { createConnection: () => net.connect({ path }) });
  session.on('error', () => undefined); // what the test waits for says more
  sessions.push(session);
  return session;
}

const GOOD = {
  ':method': 'POST',
  ':path': SVIDS,
  'content-type': 'application/grpc',
  te: 'trailers',
  'workload.spiffe.io': 'true',
};

/** A call, and what comes of it. */
class Caller {
  readonly stream: http2.ClientHttp2Stream;
  readonly messages: Buffer[] = [];
  headers: http2.IncomingHttpHeaders = {};
  /** Of headers or trailers. */
  status: string | undefined;
  readonly closed: Promise<void>;

  constructor(
    session: http2.ClientHttp2Session,
    headers: http2.OutgoingHttpHeaders,
    body: Buffer | null = REQUEST,
  ) {
    this.stream = session.request(headers);
    const frames = new FrameReader(1 << 23);
    this.stream.on('data', (piece: Buffer) => this.messages.push(...frames.push(piece)));
    this.stream.on('response', (of) => {
      this.headers = of;
      this.#take(of);
    });
    this.stream.on('trailers', (of) => this.#take(of));
    this.stream.on('error', () => undefined); // its close follows
    this.closed = new Promise((resolve) => this.stream.on('close', () => resolve()));
    if (body === null) this.stream.end();
    else this.stream.end(body);
  }

  #take(headers: http2.IncomingHttpHeaders): void {
    if (headers['grpc-status'] !== undefined) this.status = `${headers['grpc-status']}`;
  }
}

const call = (
  server: WorkloadApiServer,
  headers: http2.OutgoingHttpHeaders = {},
  body?: Buffer | null,
): Caller => new Caller(connect(server.path), { ...GOOD, ...headers }, body);

describe('a call', () => {
  const rows: readonly {
    name: string;
    headers?: http2.OutgoingHttpHeaders;
    body?: Buffer | null;
    status: string;
  }[] = [
    { name: 'without the security header', headers: { 'workload.spiffe.io': undefined }, status: '3' },
    { name: 'with the security header in capitals', headers: { 'workload.spiffe.io': 'TRUE' }, status: '3' },
    { name: 'with two security headers', headers: { 'workload.spiffe.io': ['true', 'true'] }, status: '3' },
    { name: 'with an empty security header', headers: { 'workload.spiffe.io': '' }, status: '3' },
    { name: 'of FetchJWTSVID', headers: { ':path': '/SpiffeWorkloadAPI/FetchJWTSVID' }, status: '12' },
    { name: 'of FetchJWTBundles', headers: { ':path': '/SpiffeWorkloadAPI/FetchJWTBundles' }, status: '12' },
    { name: 'of ValidateJWTSVID', headers: { ':path': '/SpiffeWorkloadAPI/ValidateJWTSVID' }, status: '12' },
    { name: 'of another service', headers: { ':path': '/grpc.health.v1.Health/Check' }, status: '12' },
    { name: 'of a path that only ends well', headers: { ':path': `/x${SVIDS}` }, status: '12' },
    { name: 'that says it is compressed', headers: { 'grpc-encoding': 'gzip' }, status: '12' },
    { name: 'without a message', body: null, status: '13' },
    { name: 'with half a message', body: REQUEST.subarray(0, 3), status: '13' },
    { name: 'with two messages', body: Buffer.concat([REQUEST, REQUEST]), status: '13' },
    { name: 'with a compressed message', body: Buffer.of(1, 0, 0, 0, 0), status: '13' },
    { name: 'with a message that is none', body: writeFrame(Buffer.of(0xff)), status: '13' },
    { name: 'with a message too long', body: writeFrame(Buffer.alloc(4_097)), status: '13' },
    { name: 'that announces 4 GiB', body: Buffer.of(0, 255, 255, 255, 255, 1), status: '13' },
  ];
  test.each(rows)('$name: status $status', async ({ headers, body, status }) => {
    const caller = call(await serve(), headers, body);
    await caller.closed;
    expect(caller.headers[':status']).toBe(200);
    expect(caller.status).toBe(status);
    expect(caller.messages).toEqual([]);
    await expect.poll(() => feed.listeners).toBe(0);
  });

  test.each([
    { name: 'GET', headers: { ':method': 'GET' }, http: 405 },
    { name: 'a form', headers: { 'content-type': 'application/x-www-form-urlencoded' }, http: 415 },
    { name: 'gRPC-Web', headers: { 'content-type': 'application/grpc-web' }, http: 415 },
    { name: 'headers of 15 KiB', headers: { 'x-long': 'x'.repeat(15_000) }, http: 431 },
    { name: 'no content type', headers: { 'content-type': undefined }, http: 415 },
  ])('$name: HTTP $http', async ({ headers, http }) => {
    const caller = call(await serve(), headers);
    await caller.closed;
    expect(caller.headers[':status']).toBe(http);
  });

  test.each(['application/grpc+proto', 'application/grpc;charset=utf-8'])('%s is gRPC', async (type) => {
    const caller = call(await serve(), { 'content-type': type });
    await expect.poll(() => caller.messages.length).toBe(1);
  });

  test('with fields of a later version gets its answer', async () => {
    const caller = call(await serve(), {}, writeFrame(Buffer.from('0a03616263', 'hex')));
    await expect.poll(() => caller.messages.length).toBe(1);
    expect(readX509SvidResponse(caller.messages[0] ?? Buffer.alloc(0)).svids[0]?.spiffeId).toBe(ID);
  });

  test('of one without an identity ends, and one whose identity goes ends too', async () => {
    const server = await serve();
    const caller = call(server);
    await expect.poll(() => caller.messages.length).toBe(1);
    feed.set(null);
    await caller.closed;
    expect(caller.status).toBe('7');
    const next = call(server);
    await next.closed;
    expect(next.status).toBe('7');
    expect(next.messages).toEqual([]);
  });

  test('gets the latest of many updates', async () => {
    const caller = call(await serve());
    await expect.poll(() => caller.messages.length).toBe(1);
    const crls = Array.from({ length: 50 }, (_, number) => ca.issueCrl({ revokedSerials: [], number }));
    for (const crl of crls) feed.set({ ...update, crls: [crl] });
    const last = (): Buffer | undefined =>
      readX509SvidResponse(caller.messages.at(-1) ?? Buffer.alloc(0)).crls[0];
    await expect.poll(() => last()?.equals(crls.at(-1) ?? Buffer.alloc(0))).toBe(true);
  });

  test('whose answer would be too long is told so', async () => {
    feed.set({ ...update, crls: [Buffer.alloc(5_000_000)] });
    const caller = call(await serve());
    await caller.closed;
    expect(caller.status).toBe('8');
  });
});

describe('a caller', () => {
  test('that never sends its request is cut off', async () => {
    const session = connect((await serve()).path);
    const stream = session.request(GOOD);
    stream.on('error', () => undefined); // its close follows
    await new Promise((resolve) => session.on('close', resolve));
  });

  test('that takes nothing is cut off, and holds one update at most', async () => {
    feed.set({ ...update, crls: [Buffer.alloc(1_000_000)] });
    const session = connect((await serve()).path);
    const stream = session.request(GOOD);
    stream.on('error', () => undefined); // its close follows
    stream.pause();
    stream.end(REQUEST);
    await expect.poll(() => feed.listeners).toBe(1);
    for (let i = 0; i < 20; i++) feed.set({ ...update, crls: [Buffer.alloc(1_000_000)] });
    await new Promise((resolve) => session.on('close', resolve));
    await expect.poll(() => feed.listeners).toBe(0);
  });

  test('has so many streams and no more', async () => {
    const session = connect((await serve()).path);
    const callers = Array.from({ length: 20 }, () => new Caller(session, GOOD));
    const served = (): number => callers.filter(({ messages }) => messages.length > 0).length;
    await expect.poll(served).toBe(16);
    expect(session.remoteSettings.maxConcurrentStreams).toBe(16);
  });

  test('may not open connections without end', async () => {
    const { path } = await serve();
    const sockets = Array.from({ length: 140 }, () => net.connect({ path }));
    const closed = new Set<net.Socket>();
    for (const socket of sockets)
      socket
        .on('error', () => undefined)
        .on('close', () => closed.add(socket))
        .resume();
    await expect.poll(() => closed.size).toBe(140 - 128);
    for (const socket of sockets) socket.destroy();
  });

  test('that speaks no HTTP/2 is cut off and hurts nobody', async () => {
    const server = await serve();
    const socket = net.connect({ path: server.path });
    socket
      .on('error', () => undefined)
      .end('GET / HTTP/1.1\r\n\r\n')
      .resume();
    await new Promise((resolve) => socket.on('close', resolve));
    const caller = call(server);
    await expect.poll(() => caller.messages.length).toBe(1);
  });
});

test('a server that stops ends every stream with Unavailable and takes its socket away', async () => {
  const server = await serve();
  const caller = call(server);
  await expect.poll(() => caller.messages.length).toBe(1);
  await server.close();
  await caller.closed;
  expect(caller.status).toBe('14');
  expect(existsSync(join(dir, 'web'))).toBe(false);
  expect(feed.listeners).toBe(0);
});

describe('the socket', () => {
  test('belongs to its workload, in a folder that nobody can list', async () => {
    const owner = IS_ROOT ? { uid: NOBODY, gid: NOBODY } : {};
    const { path } = await serve(owner);
    const socket = lstatSync(path);
    expect(socket.isSocket()).toBe(true);
    expect(socket.mode & 0o7777).toBe(0o600);
    expect([socket.uid, socket.gid]).toEqual([owner.uid ?? UID, owner.gid ?? GID]);
    const folder = lstatSync(join(dir, 'web'));
    expect([folder.mode & 0o7777, folder.uid]).toEqual([0o711, UID]);
  });

  const asUser = (uid: number, path: string): string => {
    const script = `require('net').connect(${JSON.stringify(path)})
      .on('connect', () => { console.log('in'); process.exit(); })
      .on('error', (error) => console.log(error.code))`;
    return spawnSync(process.execPath, ['-e', script], { uid, gid: uid, encoding: 'utf8' }).stdout.trim();
  };
  test.runIf(IS_ROOT)('lets its user in, and no other', async () => {
    chmodSync(dir, 0o711);
    const { path } = await serve({ uid: NOBODY, gid: NOBODY });
    expect(asUser(NOBODY, path)).toBe('in');
    expect(asUser(NOBODY - 1, path)).toBe('EACCES');
  });

  const changes: readonly { name: string; change: (path: string) => void; says: string; asRoot?: boolean }[] =
    [
      { name: 'its mode', change: (path) => chmodSync(path, 0o666), says: 'its mode is 666' },
      {
        name: 'its owner',
        change: (path) => chownSync(path, 12_345, GID),
        says: 'its owner is 12345',
        asRoot: true,
      },
      {
        name: 'its group',
        change: (path) => chownSync(path, UID, 12_345),
        says: `owner is ${UID}:12345`,
        asRoot: true,
      },
      { name: 'that it is there', change: (path) => unlinkSync(path), says: 'it is gone' },
      { name: 'its name', change: (path) => renameSync(path, `${path}2`), says: 'it is gone' },
      {
        name: 'its inode',
        change: (path) => {
          renameSync(path, `${path}2`);
          writeFileSync(path, '');
        },
        says: 'it is ',
      },
      { name: 'its names', change: (path) => linkSync(path, `${path}2`), says: 'changed and changed back' },
      {
        name: 'its mode, for a moment',
        change: (path) => {
          chmodSync(path, 0o666);
          chmodSync(path, 0o600);
        },
        says: 'it',
      },
    ];
  test.each(changes.filter(({ asRoot }) => asRoot !== true || IS_ROOT))(
    'that changes $name is closed, and its streams with it',
    async ({ change, says }) => {
      const problems: Diagnostic[] = [];
      const server = await serve({ onTampered: (problem) => problems.push(problem) });
      const caller = call(server);
      await expect.poll(() => caller.messages.length).toBe(1);
      change(server.path);
      await caller.closed;
      expect(problems).toMatchObject([{ code: 'ERR_WORKLOAD_API_TAMPERED', severity: 'error' }]);
      expect(problems[0]?.message).toContain(says);
      expect(caller.status).toBeUndefined();
      await expect.poll(() => feed.listeners).toBe(0);
      feed.set({ ...update, crls: [] });
      expect(caller.messages).toHaveLength(1);
    },
  );

  test('that changed is seen by the next caller, whatever the poll does', async () => {
    const problems: Diagnostic[] = [];
    const times = { ...TIMES, pollMs: 1_000_000 };
    const server = await serve({ times, onTampered: (problem) => problems.push(problem) });
    chmodSync(server.path, 0o666);
    const caller = call(server);
    await caller.closed;
    expect(caller.messages).toEqual([]);
    expect(problems).toHaveLength(1);
  });
});

describe('where a socket would be', () => {
  const refused: readonly {
    name: string;
    prepare: () => Partial<WorkloadApiServerOptions> | undefined;
    says: string;
  }[] = [
    ...['', '.', '..', '.x', 'a/b', '../x', 'a b', 'ä', 'x'.repeat(65), 'a\0b'].map((name) => ({
      name: `the name \`${name}\``,
      prepare: () => ({ name }),
      says: 'cannot be the name',
    })),
    {
      name: 'a path too long',
      prepare: () => ({ directory: join(dir, 'x'.repeat(100)) }),
      says: 'more than 107',
    },
    {
      name: 'no parent',
      prepare: () => ({ directory: join(dir, 'a', 'b') }),
      says: 'cannot be made: ENOENT',
    },
    {
      name: 'a link to a folder',
      prepare() {
        mkdirSync(join(dir, 'real'));
        symlinkSync(join(dir, 'real'), join(dir, 'link'));
        return { directory: join(dir, 'link') };
      },
      says: 'is not a folder',
    },
    {
      name: 'a link in place of its own folder',
      prepare() {
        mkdirSync(join(dir, 'real'));
        symlinkSync(join(dir, 'real'), join(dir, 'web'));
        return undefined;
      },
      says: 'is not a folder',
    },
    {
      name: 'a folder that others can write to',
      prepare() {
        chmodSync(dir, 0o777);
        return undefined;
      },
      says: 'can be written by others',
    },
    {
      name: 'a file in its place',
      prepare() {
        mkdirSync(join(dir, 'web'));
        writeFileSync(join(dir, 'web', 'api.sock'), 'precious');
        return undefined;
      },
      says: 'not a socket of ours',
    },
    {
      name: 'a link in its place',
      prepare() {
        mkdirSync(join(dir, 'web'));
        symlinkSync('/etc/passwd', join(dir, 'web', 'api.sock'));
        return undefined;
      },
      says: 'not a socket of ours',
    },
  ];
  test.each(refused)('$name is refused', async ({ prepare, says }) => {
    const options = prepare();
    const serving = serve(options);
    await expect(serving).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_SOCKET',
      message: expect.stringContaining(says),
    });
  });

  test.runIf(IS_ROOT)('a folder of somebody else is refused', async () => {
    chownSync(dir, NOBODY, NOBODY);
    await expect(serve()).rejects.toMatchObject({
      message: expect.stringContaining(`belongs to user ${NOBODY}`),
    });
  });

  test('a socket that is served is refused, and goes on', async () => {
    const server = await serve();
    await expect(serve()).rejects.toMatchObject({ message: expect.stringContaining('is served already') });
    expect(existsSync(server.path)).toBe(true);
  });

  test('a socket that was left behind is replaced', async () => {
    const path = join(dir, 'web', 'api.sock');
    mkdirSync(join(dir, 'web'));
    const script = `require('net').createServer()
      .listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect(lstatSync(path).isSocket()).toBe(true);
    const caller = call(await serve());
    await expect.poll(() => caller.messages.length).toBe(1);
  });
});
