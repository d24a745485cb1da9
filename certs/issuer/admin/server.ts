// The admin socket: HTTP on a Unix socket of mode 0600 in the state folder. Who may write to it is the
// operator; there is no other way to make a join token, to revoke, or to rotate.
import { chmod, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Clock } from '../../../core/clock.ts';
import { SallyportError } from '../../../core/errors.ts';
import { bind, isServed } from '../../bind.ts';
import { ISSUER_HEAD_BYTES_MAX } from '../../limits.ts';
import { writePem } from '../../x509/pem.ts';
import { type Answer, answerTo, json, problem, send } from '../http/answer.ts';
import { readBody } from '../http/read-body.ts';
import type { Issuer } from '../issuer.ts';
import { Body, readAfter, readFilter, readStep } from './read-request.ts';

/** What the admin socket works on. */
export interface AdminDeps {
  readonly issuer: Issuer;
  readonly joinTokens: { readonly ttl: number; readonly ttlMax: number };
  readonly clock: Clock;
  /** Told of what is our fault. */
  readonly problem: (message: string, error: unknown) => void;
}

/** An answer, or lines that are made as they are read. */
type Outcome = Answer | Iterable<unknown>;
type Handler = (body: Buffer, query: URLSearchParams, deps: AdminDeps) => Outcome;

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['POST /v1/join-tokens', createJoinToken],
  ['POST /v1/revoke', revoke],
  ['POST /v1/reinstate', reinstate],
  ['POST /v1/rotate', rotate],
  ['POST /v1/ca/rotate', rotateCa],
  ['GET /v1/ca', (_body, _query, { issuer }) => text(issuer.caStatus())],
  ['GET /v1/bundle', (_body, _query, { issuer }) => text(bundleOf(issuer))],
  ['GET /v1/issued', (_body, query, { issuer }) => issuer.issued(readFilter(query))],
  ['GET /v1/audit', (_body, query, { issuer }) => issuer.audit(readAfter(query))],
  ['GET /v1/audit/verdict', (_body, _query, { issuer }) => text(issuer.verifyAudit())],
]);

/** A bound socket. */
export interface AdminServer {
  close(): Promise<void>;
}

/** Binds `path`. @throws ERR_LISTEN_FAILED */
export async function listenAdmin(path: string, deps: AdminDeps): Promise<AdminServer> {
  await removeStale(path);
  const server = createServer({ maxHeaderSize: ISSUER_HEAD_BYTES_MAX }, (request, response) => {
    void serve(request, response, deps);
  });
  await bind(server, { path }, (cause) => {
    const message = `cannot make the socket \`${path}\`: ${cause.message}`;
    const hint = 'the user of this process needs the folder `state` for itself';
    return new SallyportError('ERR_LISTEN_FAILED', message, { hint, cause });
  });
  // Until here the state folder alone keeps others away: it has mode 0700, or the issuer does not open it.
  await chmod(path, 0o600);
  server.on('error', (error) => deps.problem('the admin socket failed', error));
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(request: IncomingMessage, response: ServerResponse, deps: AdminDeps): Promise<void> {
  try {
    const url = new URL(request.url ?? '', 'http://localhost');
    const handler = HANDLERS.get(`${request.method} ${url.pathname}`);
    if (handler === undefined) return send(response, unknownTo(url.pathname));
    const outcome = handler(await readBody(request, deps.clock), url.searchParams, deps);
    if (Symbol.iterator in outcome) await sendLines(response, outcome);
    else send(response, outcome);
  } catch (error) {
    const answer = answerTo(error, 'operator');
    if (answer === null) deps.problem('a request of the operator failed', error);
    if (response.headersSent) response.destroy();
    else send(response, answer ?? problem('ERR_ISSUER_HTTP_DEFECT'));
  }
}

function unknownTo(path: string): Answer {
  const methods = [...HANDLERS.keys()]
    .filter((key) => key.endsWith(` ${path}`))
    .map((key) => key.split(' ')[0]);
  return methods.length === 0
    ? problem('ERR_ISSUER_HTTP_PATH')
    : problem('ERR_ISSUER_HTTP_METHOD', { allow: methods.join(', ') });
}

const text = (value: unknown): Answer => json(`${JSON.stringify(value)}\n`);

/** For workloads that know the issuer by its bundle and not by a join token. */
function bundleOf(issuer: Issuer): object {
  const { trustDomain, rootsDer } = issuer.trust();
  return { trustDomain, bundle: rootsDer.map((der) => writePem('CERTIFICATE', der)).join('') };
}

const PIECE_CHARACTERS = 65_536;

/** JSON lines, no faster than they are read. */
async function sendLines(response: ServerResponse, lines: Iterable<unknown>): Promise<void> {
  response.setHeader('content-type', 'application/x-ndjson');
  let piece = '';
  for (const line of lines) {
    piece += `${JSON.stringify(line)}\n`;
    if (piece.length < PIECE_CHARACTERS) continue;
    if (response.destroyed) return;
    if (!response.write(piece)) await untilWritable(response);
    piece = '';
  }
  response.end(piece);
}

/** Also when nobody reads any more. */
const untilWritable = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const go = (): void => {
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });

const NOBODY = 'admin socket';

function createJoinToken(bytes: Buffer, _query: URLSearchParams, deps: AdminDeps): Outcome {
  const body = new Body(bytes, ['spiffeId', 'ttlSeconds', 'dnsNames', 'author']);
  const seconds = body.count('ttlSeconds');
  const ttlMs = seconds === null ? deps.joinTokens.ttl : seconds * 1000;
  if (ttlMs > deps.joinTokens.ttlMax)
    return problem('ERR_ISSUER_REQUEST', {
      title: `a join token lives for at most ${deps.joinTokens.ttlMax / 1000} s`,
      hint: '`joinTokens.ttlMax` of the issuer’s configuration says so',
    });
  const dnsNames = body.texts('dnsNames');
  const { token, expiresAtMs } = deps.issuer.createJoinToken({
    spiffeId: body.text('spiffeId'),
    ttlMs,
    ...(dnsNames.length > 0 && { dnsNames }),
    author: body.textOr('author', NOBODY),
  });
  return text({ token, expiresAt: new Date(expiresAtMs).toISOString() });
}

function revoke(bytes: Buffer, _query: URLSearchParams, { issuer }: AdminDeps): Outcome {
  const body = new Body(bytes, ['target', 'reason', 'author']);
  const asked = { target: body.text('target'), reason: body.text('reason') };
  return text({ revoked: issuer.revoke({ ...asked, author: body.textOr('author', NOBODY) }) });
}

function reinstate(bytes: Buffer, _query: URLSearchParams, { issuer }: AdminDeps): Outcome {
  const body = new Body(bytes, ['spiffeId', 'author']);
  const spiffeId = body.text('spiffeId');
  return text({ reinstated: issuer.reinstate({ spiffeId, author: body.textOr('author', NOBODY) }) });
}

function rotate(bytes: Buffer, _query: URLSearchParams, { issuer }: AdminDeps): Outcome {
  const body = new Body(bytes, ['target', 'author']);
  const target = body.text('target');
  return text({ rotating: issuer.rotate({ target, author: body.textOr('author', NOBODY) }) });
}

function rotateCa(bytes: Buffer, _query: URLSearchParams, { issuer }: AdminDeps): Outcome {
  const body = new Body(bytes, ['step', 'force', 'author']);
  const step = readStep(body.text('step'));
  return text(issuer.rotateCa(step, body.textOr('author', NOBODY), { force: body.flag('force') }));
}

/** A socket that a killed issuer left behind; one that answers is that of another issuer. */
async function removeStale(path: string): Promise<void> {
  if (await isServed(path))
    throw new SallyportError('ERR_LISTEN_FAILED', `another issuer answers on \`${path}\``, {
      hint: 'one process serves a state folder; stop it, or choose another `state`',
    });
  await unlink(path).catch(() => undefined); // nothing there is the normal case; `listen` tells of the rest
}
