// One GET of a bundle document under the https_web profile (SPIFFE Federation section 5.2.1). undici is the
// client, loaded by what imports this file: only when a bundle endpoint is configured. Its Client knows no
// proxy variables of the environment and no cookies.

import { isIP } from 'node:net';
import { addAbortSignal } from 'node:stream';
import tls from 'node:tls';
import { type buildConnector, Client, type Dispatcher, errors } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { errorCode } from '../../core/errors.ts';
import { BUNDLE_DOCUMENT_BYTES_MAX, BUNDLE_FETCH_MS_MAX, BUNDLE_REDIRECTS_MAX } from '../limits.ts';
import { type EndpointUrl, readEndpointUrl } from './endpoint-url.ts';

/** How a fetch ended. `message` fits behind the endpoint's URL. */
export type Fetched =
  | { readonly ok: true; readonly bytes: Buffer; readonly url: EndpointUrl }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly hint: string };

export interface FetchOptions {
  readonly url: EndpointUrl;
  /** PEM; null = the roots that Node ships. */
  readonly ca: string | null;
  /** `refuse`: a redirect is an error; `follow`: to any URL that could have been configured. */
  readonly redirects: 'follow' | 'refuse';
  readonly clock: Clock;
  /** Ends the fetch, which is then a timeout that nobody reads. */
  readonly signal: AbortSignal;
}

/** Fetches the document, redirects included, within BUNDLE_FETCH_MS_MAX. Never rejects. */
export async function fetchDocument(options: FetchOptions): Promise<Fetched> {
  const deadline = new AbortController();
  const timer = options.clock.after(BUNDLE_FETCH_MS_MAX, () => deadline.abort());
  const signal = AbortSignal.any([options.signal, deadline.signal]);
  try {
    let url = options.url;
    for (let hop = 0; ; hop++) {
      const answer = await getOnce(url, { ...options, signal });
      if (!('location' in answer)) return answer;
      const next = redirected(answer, url, { hop, redirects: options.redirects });
      if (!('origin' in next)) return next;
      url = next;
    }
  } catch (error) {
    return signal.aborted ? timeout() : connectionFault(error);
  } finally {
    timer.cancel();
  }
}

interface Redirect {
  readonly status: number;
  readonly location: string | null;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const HEAD_BYTES_MAX = 16_384;
const HTTPS_PORT = 443;

async function getOnce(
  url: EndpointUrl,
  { ca, signal }: Pick<FetchOptions, 'ca' | 'signal'>,
): Promise<Fetched | Redirect> {
  // A client of its own for each: polls are minutes apart, and a resumed TLS session would not be verified.
  const client = new Client(url.origin, {
    connect: connector(ca, signal),
    allowH2: false,
    maxHeaderSize: HEAD_BYTES_MAX,
    // One timer for the whole fetch, above.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  try {
    const response = await client.request({
      method: 'GET',
      path: url.target,
      // undici's request() decodes nothing: a compressed body would be refused, and no bomb goes off.
      headers: { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'sallyport' },
      signal,
    });
    return await readAnswer(response, url);
  } finally {
    // Rejects when the connection is gone already.
    await client.destroy().catch(() => undefined);
  }
}

/** undici hears of an abort only once it is connected; here the signal ends the connection in any phase. */
function connector(ca: string | null, signal: AbortSignal): buildConnector.connector {
  return ({ hostname, port }, callback) => {
    const socket = tls.connect({
      host: hostname,
      port: Number(port || HTTPS_PORT),
      servername: isIP(hostname) === 0 ? hostname : '', // RFC 6066 section 3: no address in SNI
      // Explicit, since NODE_TLS_REJECT_UNAUTHORIZED=0 would change the default.
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      ...(ca === null ? {} : { ca }),
    });
    const connected = (): void => {
      socket.off('error', failed);
      callback(null, socket);
    };
    const failed = (error: Error): void => {
      socket.off('secureConnect', connected);
      callback(error, null);
    };
    socket.once('secureConnect', connected).once('error', failed);
    addAbortSignal(signal, socket);
  };
}

async function readAnswer(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  url: EndpointUrl,
): Promise<Fetched | Redirect> {
  // What destroying the client does to a body that nobody reads.
  body.on('error', () => undefined);
  if (REDIRECTS.has(statusCode)) {
    const { location } = headers;
    return { status: statusCode, location: typeof location === 'string' ? location : null };
  }
  if (statusCode !== 200)
    return fault(
      'STATUS',
      `answered ${statusCode}`,
      'a bundle endpoint answers GET with 200 and the document',
    );
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    return fault(
      'ENCODING',
      'sent a compressed document, which was not asked for',
      'switch that off at the server',
    );
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) continue; // undici's bodies are made of buffers
    length += chunk.length;
    if (length > BUNDLE_DOCUMENT_BYTES_MAX) return tooLarge();
    chunks.push(chunk);
  }
  return { ok: true, bytes: Buffer.concat(chunks), url };
}

/**
 * Section 5.2.1.4: followed when it leads to a URL that could have been configured, and asked for again with
 * every fetch; section 7.5.1: operators may want none.
 */
function redirected(
  { status, location }: Redirect,
  from: EndpointUrl,
  { hop, redirects }: { readonly hop: number; readonly redirects: FetchOptions['redirects'] },
): EndpointUrl | Fetched {
  const refused = (why: string): Fetched =>
    fault('REDIRECT', `answered ${status}, ${why}`, 'configure the URL that serves the document itself');
  if (redirects === 'refuse') return refused('and redirects are not followed here');
  if (location === null) return refused('without one Location');
  if (hop >= BUNDLE_REDIRECTS_MAX) return refused(`after ${BUNDLE_REDIRECTS_MAX} redirects`);
  const next = readEndpointUrl(location, from);
  return typeof next === 'string' ? refused(`and the Location ${next}`) : next;
}

const fault = (kind: string, message: string, hint: string): Fetched => ({
  ok: false,
  code: `ERR_BUNDLE_ENDPOINT_${kind}`,
  message,
  hint,
});

const tooLarge = (): Fetched =>
  fault('TOO_LARGE', `sent more than ${BUNDLE_DOCUMENT_BYTES_MAX} bytes`, 'is this the right URL?');

const timeout = (): Fetched =>
  fault('TIMEOUT', `did not answer within ${BUNDLE_FETCH_MS_MAX / 1_000} s`, 'is the endpoint up?');

/** Why there is no answer: the network, or TLS. */
function connectionFault(error: unknown): Fetched {
  const code = errorCode(error);
  // Those of the system and of undici; the rest is OpenSSL's: verification errors, alerts, protocol errors.
  const system = code.startsWith('E') && !code.startsWith('ERR_') && code !== 'EPROTO';
  if (error instanceof errors.HTTPParserError || code === 'UND_ERR_HEADERS_OVERFLOW')
    return fault('STATUS', 'answered with something that is not HTTP', 'is this the right URL?');
  if (system || code.startsWith('UND_ERR_'))
    return fault('CONNECT', `cannot be reached: ${code}`, 'check host, port, DNS and firewall');
  const hint =
    'its certificate must be for that host name, and lead to a public CA or to the configured `ca`';
  return fault('TLS', `cannot be trusted, TLS fails: ${code}`, hint);
}
