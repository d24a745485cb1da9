// X509SVIDResponse and X509BundlesResponse of the SPIFFE Workload API, to bytes and back.
// @see https://github.com/spiffe/spiffe/blob/main/standards/workloadapi.proto
import { WORKLOAD_API_BUNDLES_MAX, WORKLOAD_API_CRLS_MAX, WORKLOAD_API_SVIDS_MAX } from '../limits.ts';
import { MessageError, readMessage, readText, writeField, writeOptional } from './protobuf.ts';

/** One identity of a workload. Each `Buffer` is DER; those of certificates hold several, end to end. */
export interface X509SvidMessage {
  readonly spiffeId: string;
  /** Leaf first. */
  readonly x509Svid: Buffer;
  /** PKCS#8, not encrypted. Never logged. */
  readonly x509SvidKey: Buffer;
  readonly bundle: Buffer;
  readonly hint: string;
}

/** Certificates by the SPIFFE ID of their trust domain. */
export type BundlesMessage = ReadonlyMap<string, Buffer>;

export interface X509SvidResponse {
  readonly svids: readonly X509SvidMessage[];
  readonly crls: readonly Buffer[];
  readonly federatedBundles: BundlesMessage;
}

export interface X509BundlesResponse {
  readonly crls: readonly Buffer[];
  readonly bundles: BundlesMessage;
}

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

const NOTHING: Buffer = Buffer.alloc(0);

/** @throws MessageError */
export function readX509SvidResponse(message: Buffer): X509SvidResponse {
  const svids: X509SvidMessage[] = [];
  const crls: Buffer[] = [];
  const federatedBundles = new Map<string, Buffer>();
  readMessage(
    message,
    new Map([
      [1, (content) => bounded(svids, WORKLOAD_API_SVIDS_MAX, 'SVIDs').push(readX509Svid(content))],
      [2, (content) => bounded(crls, WORKLOAD_API_CRLS_MAX, 'CRLs').push(content)],
      [3, (content) => readBundle(federatedBundles, content)],
    ]),
  );
  return { svids, crls, federatedBundles };
}

/** @throws MessageError */
export function readX509BundlesResponse(message: Buffer): X509BundlesResponse {
  const crls: Buffer[] = [];
  const bundles = new Map<string, Buffer>();
  readMessage(
    message,
    new Map([
      [1, (content) => bounded(crls, WORKLOAD_API_CRLS_MAX, 'CRLs').push(content)],
      [2, (content) => readBundle(bundles, content)],
    ]),
  );
  return { crls, bundles };
}

export function writeX509SvidResponse({ svids, crls, federatedBundles }: X509SvidResponse): Buffer {
  return Buffer.concat([
    ...svids.map((svid) => writeField(1, writeX509Svid(svid))),
    ...crls.map((crl) => writeField(2, crl)),
    ...[...federatedBundles].map((entry) => writeField(3, writeBundle(entry))),
  ]);
}

export function writeX509BundlesResponse({ crls, bundles }: X509BundlesResponse): Buffer {
  return Buffer.concat([
    ...crls.map((crl) => writeField(1, crl)),
    ...[...bundles].map((entry) => writeField(2, writeBundle(entry))),
  ]);
}

function readX509Svid(message: Buffer): X509SvidMessage {
  const svid: Writable<X509SvidMessage> = {
    spiffeId: '',
    x509Svid: NOTHING,
    x509SvidKey: NOTHING,
    bundle: NOTHING,
    hint: '',
  };
  // A field that comes twice has its last value.
  readMessage(
    message,
    new Map<number, (content: Buffer) => void>([
      [1, (content) => (svid.spiffeId = readText(content))],
      [2, (content) => (svid.x509Svid = content)],
      [3, (content) => (svid.x509SvidKey = content)],
      [4, (content) => (svid.bundle = content)],
      [5, (content) => (svid.hint = readText(content))],
    ]),
  );
  return svid;
}

function writeX509Svid({ spiffeId, x509Svid, x509SvidKey, bundle, hint }: X509SvidMessage): Buffer {
  return Buffer.concat([
    writeOptional(1, spiffeId),
    writeOptional(2, x509Svid),
    writeOptional(3, x509SvidKey),
    writeOptional(4, bundle),
    writeOptional(5, hint),
  ]);
}

function readBundle(bundles: Map<string, Buffer>, entry: Buffer): void {
  let name = '';
  let certificates = NOTHING;
  readMessage(
    entry,
    new Map<number, (content: Buffer) => void>([
      [1, (content) => (name = readText(content))],
      [2, (content) => (certificates = content)],
    ]),
  );
  bundles.set(name, certificates);
  if (bundles.size > WORKLOAD_API_BUNDLES_MAX)
    throw new MessageError(`more than ${WORKLOAD_API_BUNDLES_MAX} bundles`);
}

const writeBundle = ([name, certificates]: readonly [string, Buffer]): Buffer =>
  Buffer.concat([writeField(1, name), writeField(2, certificates)]);

function bounded<Item>(list: Item[], most: number, what: string): Item[] {
  if (list.length >= most) throw new MessageError(`more than ${most} ${what}`);
  return list;
}
