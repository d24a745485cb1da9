// The admin socket and its client when one of them is slow, or gone in the middle of an answer.
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { askAdmin, askAdminLines } from '../../../../../certs/issuer/admin/client.ts';
import { listenAdmin } from '../../../../../certs/issuer/admin/server.ts';
import type { AuditEntry, Issuer } from '../../../../../certs/issuer/issuer.ts';
import { systemClock } from '../../../../../core/clock.ts';
import { eventually } from '../../../../e2e/stage/observe.ts';
import { openTestIssuer, temporaryFolder } from '../open-test-issuer.ts';

/** The admin socket of an issuer whose audit log is `entries`. */
async function serving(entries: () => Iterable<AuditEntry>): Promise<string> {
  const { issuer } = await openTestIssuer();
  const socket = join(temporaryFolder(), 'admin.sock');
  const withLog: Issuer = Object.assign(Object.create(issuer), { audit: entries });
  const server = await listenAdmin(socket, {
    issuer: withLog,
    joinTokens: { ttl: 600_000, ttlMax: 600_000 },
    clock: systemClock,
    problem: (message, error) => expect.unreachable(`${message}: ${String(error)}`),
  });
  onTestFinished(() => server.close());
  return socket;
}

/** `count` entries of 64 KiB: each of them fills the socket. */
function* long(count: number): Generator<AuditEntry> {
  for (let sequence = 1; sequence <= count; sequence++)
    yield { sequence, entry: 'x'.repeat(65_536), hash: '' };
}

test('a long answer that is read slowly leaves no listeners behind', async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error): unknown => warnings.push(warning);
  process.on('warning', warned);
  onTestFinished(() => void process.off('warning', warned));
  const socket = await serving(() => long(64));
  let lines = 0;
  for await (const _ of askAdminLines(socket, { path: '/v1/audit' })) {
    lines++;
    await new Promise(setImmediate);
  }
  expect(lines).toBe(64);
  expect(warnings).toEqual([]);
});

test('a caller that leaves: the log is read no further', async () => {
  let ended = false;
  const socket = await serving(function* () {
    try {
      yield* long(1_000_000);
    } finally {
      ended = true;
    }
  });
  const asked = request({ socketPath: socket, path: '/v1/audit', agent: false }).end();
  const [response]: IncomingMessage[] = await once(asked, 'response');
  await once(response as IncomingMessage, 'data');
  asked.destroy();
  await eventually(
    () => ended,
    (is) => is,
  );
});

/** Something that answers in place of an issuer. */
async function answering(answer: (response: ServerResponse) => void): Promise<string> {
  const socket = join(temporaryFolder(), 'admin.sock');
  const server = createServer((_request, response) => answer(response));
  server.listen(socket);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return socket;
}

const collect = async (socket: string): Promise<unknown[]> => {
  const lines: unknown[] = [];
  for await (const line of askAdminLines(socket, { path: '/v1/audit' })) lines.push(line.value);
  return lines;
};

test.each([
  { name: '200', status: 200 },
  { name: 'an error', status: 500 },
])('an answer with $name that breaks off is an error with a code', async ({ status }) => {
  const socket = await answering((response) => {
    response.writeHead(status).write('{"sequence":1}\n{"sequ');
    setImmediate(() => response.destroy());
  });
  const expected = { code: 'ERR_ISSUER_SOCKET', message: expect.stringContaining('does not answer') };
  await expect(askAdmin(socket, { path: '/v1/ca' })).rejects.toMatchObject(expected);
  await expect(collect(socket)).rejects.toMatchObject(expected);
});
