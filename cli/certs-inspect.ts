// `sallyport certs inspect`: what is in files of certificates, CRLs and keys, or what a server presents, and
// in words whether each certificate is a valid X509-SVID and why not.
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type CrlInspection, type Inspection, inspectCertificate, inspectCrl } from '../certs/inspect.ts';
import type { Certificate } from '../certs/x509/certificate.ts';
import { parseOptions, usage } from './args.ts';
import { parseTtl, readInput } from './certs-arguments.ts';
import { showInspected } from './certs-inspect-show.ts';
import { type Item, readItems } from './certs-items.ts';
import { parseEndpoint, presentedBy } from './certs-presented.ts';
import type { Io, Verb } from './io.ts';

/** One line for `--help`. */
export const CERTS_INSPECT_USAGE =
  'sallyport certs inspect FILE|HOST:PORT|-… [--servername NAME] [--timeout 5s] [--json]';

/** A private key as shown: everything but the key. */
export interface KeyInspection {
  readonly key: string;
  readonly encrypted: boolean;
  /** The certificate given beside it that it belongs to, as `FILE, certificate N`; null if to none. */
  readonly belongsTo: string | null;
}

/** What one file or server holds; the shape of `--json`, one object a line. */
export interface Inspected {
  readonly file: string;
  /** Of a server: protocol and ALPN. */
  readonly connection: { readonly protocol: string; readonly alpn: string | null } | null;
  readonly certificates: readonly (Inspection | { readonly valid: false; readonly error: string })[];
  readonly crls: readonly CrlInspection[];
  readonly keys: readonly KeyInspection[];
  /** Of a SPIFFE bundle document; numbers of up to 64 bits as text. */
  readonly document: { readonly sequence: string | null; readonly refreshHintSeconds: number | null } | null;
  readonly faults: readonly { readonly line: number; readonly what: string; readonly error: string }[];
}

/** A source and what was read of it, before it is judged. */
interface Source {
  readonly file: string;
  readonly connection: Inspected['connection'];
  readonly items: readonly Item[];
}

export const certsInspect: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        servername: { type: 'string' },
        timeout: { type: 'string', default: '5s' },
        json: { type: 'boolean', default: false },
      },
    },
    CERTS_INSPECT_USAGE,
  );
  if (positionals.length === 0) throw usage('a file or a server is needed', CERTS_INSPECT_USAGE);
  const options = { servername: values.servername ?? null, timeoutMs: parseTtl(values.timeout) };
  const sources: Source[] = [];
  for (const name of positionals) sources.push(await readSource(io, name, options));
  const nowMs = Date.now();
  const results = sources.map((source) => inspectSource(source, sources, nowMs));
  for (const result of results) {
    if (values.json) io.out(`${JSON.stringify(result)}\n`);
    else showInspected(io, result);
  }
  const pairs = sources.some(({ items }) => items.some(({ kind }) => kind === 'certificate'));
  return results.every((result) => isSound(result, pairs)) ? 0 : 1;
};

/** Nothing broken; and where certificates are given, each key belongs to one of them. */
function isSound({ certificates, crls, keys, faults }: Inspected, pairs: boolean): boolean {
  const valid = [...certificates, ...crls].every((one) => one.valid);
  const belong = !pairs || keys.every(({ belongsTo }) => belongsTo !== null);
  return faults.length === 0 && valid && belong && certificates.length + crls.length + keys.length > 0;
}

async function readSource(
  io: Io,
  name: string,
  options: { readonly servername: string | null; readonly timeoutMs: number },
): Promise<Source> {
  const endpoint = parseEndpoint(name);
  const isFile = async (): Promise<boolean> =>
    access(resolve(io.cwd, name)).then(
      () => true,
      () => false,
    );
  if (endpoint === null || (await isFile())) {
    const { file, bytes } = await readInput(io, name);
    return { file, connection: null, items: readItems(bytes) };
  }
  // RFC 6066 section 3: an address is no server name
  const own = /[a-z]/i.test(endpoint.host) && !endpoint.host.includes(':') ? endpoint.host : null;
  const presented = await presentedBy(endpoint, { ...options, servername: options.servername ?? own });
  if (!presented.ok) {
    const fault = { kind: 'fault', what: 'connection', error: presented.error, line: 0 } as const;
    return { file: name, connection: null, items: [fault] };
  }
  const { protocol, alpn, chain } = presented;
  return { file: name, connection: { protocol, alpn }, items: chain.flatMap((der) => readItems(der)) };
}

function inspectSource(
  { file, connection, items }: Source,
  all: readonly Source[],
  nowMs: number,
): Inspected {
  const certificates: Inspected['certificates'][number][] = [];
  const crls: CrlInspection[] = [];
  const keys: KeyInspection[] = [];
  const faults: Inspected['faults'][number][] = [];
  let document: Inspected['document'] = null;
  for (const item of items) {
    if (item.kind === 'certificate') certificates.push(inspectCertificate(item.certificate, nowMs));
    else if (item.kind === 'crl') crls.push(inspectCrl(item.crl, nowMs));
    else if (item.kind === 'document') {
      const { sequence, refreshHintMs } = item;
      document = {
        sequence: sequence?.toString() ?? null,
        refreshHintSeconds: refreshHintMs === null ? null : refreshHintMs / 1_000,
      };
    } else if (item.kind === 'key') {
      const belongsTo = item.spki === null ? null : ownerOf(item.spki, all);
      keys.push({ key: item.text, encrypted: item.spki === null, belongsTo });
    } else if (item.what === 'certificate') certificates.push({ valid: false, error: item.error });
    else faults.push({ line: item.line, what: item.what, error: item.error });
  }
  return { file, connection, certificates, crls, keys, document, faults };
}

/** The first certificate with this public key. */
function ownerOf(spki: Buffer, all: readonly Source[]): string | null {
  for (const { file, items } of all) {
    const certificates = items.flatMap((item): Certificate[] =>
      item.kind === 'certificate' ? [item.certificate] : [],
    );
    const index = certificates.findIndex(({ publicKey }) => publicKey.spki.equals(spki));
    if (index >= 0) return `${file}, certificate ${index + 1}`;
  }
  return null;
}
