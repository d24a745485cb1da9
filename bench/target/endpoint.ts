// One end of the comparison, ready to be called: address, TLS, and the request as bytes.
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { readPem } from '../../certs/x509/pem.ts';
import { SallyportError } from '../../core/errors.ts';
import type { Target } from '../load/protocol.ts';
import type { TargetOptions } from './options.ts';

/** `target` is what is measured, `direct` the same application without the proxy. */
export type Side = 'target' | 'direct';

export interface Endpoint {
  readonly side: Side;
  readonly url: string;
  readonly target: Target;
  /** Null for http://. */
  readonly context: SecureContext | null;
  readonly request: Buffer;
}

export interface Endpoints {
  readonly target: Endpoint;
  readonly direct: Endpoint | null;
}

const FILE_BYTES_MAX = 16 * 1024 * 1024;
const PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** Reads the files that `options` names, relative to `cwd`. @throws ERR_USAGE */
export function openEndpoints(options: TargetOptions, cwd: string): Endpoints {
  const body = options.body === null ? null : readInput(cwd, 'body', options.body);
  const open = (side: Side, url: URL, context: SecureContext | null): Endpoint => ({
    side,
    url: url.href,
    target: {
      host: hostOf(url),
      port: url.port === '' ? (PORTS[url.protocol] ?? 0) : Number(url.port),
      path: url.pathname + url.search,
      tls: null, // `context` holds it, read once
      server: {
        name: (side === 'target' ? options.servername : null) ?? hostOf(url),
        spiffeId: side === 'target' ? options.serverId : null,
        insecure: options.insecure,
      },
    },
    context: url.protocol === 'https:' ? context : null,
    request: encodeRequest(url, options, body),
  });
  const { target, direct } = options;
  const isTls = target.protocol === 'https:' || direct?.protocol === 'https:';
  const context = isTls ? openContext(options, cwd) : null;
  return {
    target: open('target', target, context),
    direct: direct === null ? null : open('direct', direct, context),
  };
}

/** Without the brackets of an IPv6 address. */
function hostOf(url: URL): string {
  return url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
}

function openContext({ files }: TargetOptions, cwd: string): SecureContext {
  const read = (option: 'cert' | 'key' | 'ca'): string | undefined => {
    const path = files[option];
    return path === null ? undefined : readInput(cwd, option, path).toString('latin1');
  };
  const [cert, key, authorities] = [read('cert'), read('key'), read('ca')];
  // node:tls takes a file without any certificate for an empty list, and then trusts nobody without a word.
  if (authorities !== undefined && !holdsCertificate(authorities))
    throw bad(`\`--ca ${files.ca}\` holds no certificate`, 'PEM, one or more');
  const system = getCACertificates('system');
  const ca = authorities ?? (system.length > 0 ? system : getCACertificates('bundled'));
  try {
    return createSecureContext({
      minVersion: 'TLSv1.2',
      ca,
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw bad(
      `\`--cert\` and \`--key\` cannot be used: ${reason}`,
      'PEM, the key without a passphrase and of this certificate',
    );
  }
}

function holdsCertificate(text: string): boolean {
  return readPem(text).blocks.some(({ label }) => label.endsWith('CERTIFICATE'));
}

function encodeRequest(url: URL, { method, headers }: TargetOptions, body: Buffer | null): Buffer {
  const named = new Set(headers.map((line) => line.slice(0, line.indexOf(':')).toLowerCase()));
  const defaults = [`host: ${url.host}`, 'user-agent: sallyport-bench', 'accept: */*'];
  const needsLength = body !== null || method === 'POST' || method === 'PUT' || method === 'PATCH';
  const lines = [
    `${method} ${url.pathname}${url.search} HTTP/1.1`,
    ...defaults.filter((line) => !named.has(line.slice(0, line.indexOf(':')))),
    ...headers,
    ...(needsLength ? [`content-length: ${body?.length ?? 0}`] : []), // RFC 9110 section 8.6
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return body === null ? head : Buffer.concat([head, body]);
}

function readInput(cwd: string, option: string, path: string): Buffer {
  const file = resolve(cwd, path);
  try {
    if (statSync(file).size > FILE_BYTES_MAX)
      throw bad(`\`--${option} ${path}\` is larger than 16 MiB`, 'a smaller file');
    return readFileSync(file);
  } catch (error) {
    if (error instanceof SallyportError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw bad(`\`--${option} ${path}\` cannot be read: ${reason}`, 'a readable file');
  }
}

function bad(message: string, hint: string): SallyportError {
  return new SallyportError('ERR_USAGE', message, { hint });
}
