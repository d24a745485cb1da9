// What a client of the issuer keeps over a restart: SVID, key, bundle, CRLs, and when to renew. Written as
// one set; read back with the same verification as everything else, falling back to the set before.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { parseTrustDomain, type TrustDomain } from '../../core/spiffe-id.ts';
import { type IdentityMaterial, verifyIdentity } from '../identity-material.ts';
import { type FileContent, Findings, readBundle, readCrls } from '../read-files.ts';
import type { IdentityState } from '../source.ts';
import type { TrustState } from '../verify.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import { fileSets, type SetFile, writeFileSet } from './file-set.ts';
import { checkOwnFolder, readOwnFile } from './own-file.ts';
import { IssuerClientError, reasonOf } from './problem.ts';

/** One consistent set, as texts. */
export interface KeptSet {
  /** PEM, leaf first. */
  readonly svidPem: string;
  /** PKCS#8. Never logged. */
  readonly keyPem: string;
  readonly bundlePem: string;
  /** Empty when there is none. */
  readonly crlPem: string;
  readonly federated: ReadonlyMap<TrustDomain, string>;
  /** Of the issuer's trust. */
  readonly sequence: number;
  /** Unix milliseconds. */
  readonly nextRenewalMs: number;
  /** Fingerprint of the join token that is not to be sent again. */
  readonly spentToken: string | null;
}

/** A set that verified. */
export type VerifiedSet = Omit<IdentityState, 'generation'>;

/** What was kept: the newest set that verifies now, or else the newest that can be read. */
export interface Kept {
  readonly set: KeptSet;
  /** Null when the SVID cannot be used any more; the bundle may still be good. */
  readonly verified: VerifiedSet | null;
}

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const FILES = { svid: 'svid.pem', key: 'key.pem', bundle: 'bundle.pem', crl: 'crl.pem', rest: 'state.json' };

/** Verifies `set` as a whole; `from` says in diagnostics where it came from. */
export function verifySet(
  set: KeptSet,
  from: {
    readonly trustDomain: TrustDomain;
    readonly name: string;
    readonly nowMs: number;
    /** The state in effect. */
    readonly before: TrustState | null;
  },
  findings: Findings,
): VerifiedSet | null {
  const content = (part: string, text: string): FileContent => ({
    file: `${from.name} (${part})`,
    bytes: Buffer.from(text, 'latin1'),
  });
  const bundles = new Map([[from.trustDomain, content('bundle', set.bundlePem)]]);
  for (const [name, pem] of set.federated) bundles.set(name, content(`bundle of ${name}`, pem));
  const material: IdentityMaterial = {
    trustDomain: from.trustDomain,
    certificate: content('svid', set.svidPem),
    key: content('key', set.keyPem),
    bundles,
    crls: new Map(set.crlPem === '' ? [] : [[from.trustDomain, content('crl', set.crlPem)]]),
  };
  return verifyIdentity(material, from.nowMs, findings, from.before);
}

/** CA certificates and CRLs of `set`, whatever its SVID is; what cannot be read is left out. */
export function trustOf(
  set: Pick<KeptSet, 'bundlePem' | 'crlPem'>,
  trustDomain: TrustDomain,
  nowMs: number,
): { readonly anchors: readonly Certificate[]; readonly crls: readonly Crl[] } {
  const content = (text: string): FileContent => ({ file: '', bytes: Buffer.from(text, 'latin1') });
  const bundle = readBundle(trustDomain, content(set.bundlePem), nowMs, new Findings());
  const crls = set.crlPem === '' ? [] : readCrls(content(set.crlPem), nowMs, new Findings());
  return { anchors: bundle?.anchors ?? [], crls };
}

/** Replaces what is kept in `dir`. @throws ERR_ISSUER_CLIENT_STATE */
export async function keepSet(dir: string, set: KeptSet): Promise<void> {
  const { sequence, nextRenewalMs, spentToken } = set;
  const federated = Object.fromEntries(set.federated);
  const file = (name: string, text: string): SetFile => ({ name, text, mode: FILE_MODE });
  const files = [
    file(FILES.svid, set.svidPem),
    file(FILES.key, set.keyPem),
    file(FILES.bundle, set.bundlePem),
    file(FILES.crl, set.crlPem), // there even when empty: a list that is missing is a set that is broken
    file(FILES.rest, `${JSON.stringify({ sequence, nextRenewalMs, spentToken, federated })}\n`),
  ];
  try {
    await writeFileSet(dir, files, { folderMode: FOLDER_MODE, gid: null });
    await chmod(dir, FOLDER_MODE); // it may have been there before
  } catch (error) {
    throw new IssuerClientError(
      'ERR_ISSUER_CLIENT_STATE',
      `the state folder \`${dir}\` cannot be written: ${reasonOf(error)}`,
      { hint: 'what is not kept is lost at the next restart; check owner, mode and space', cause: error },
    );
  }
}

/**
 * Reads back what was kept in `dir`; null when there is nothing. @throws ERR_ISSUER_CLIENT_STATE when
 * somebody else may have put it there
 */
export async function loadKept(dir: string, trustDomain: TrustDomain, nowMs: number): Promise<Kept | null> {
  let readable: KeptSet | null = null;
  for (const folder of await fileSets(dir)) {
    const set = await readSet(folder);
    if (set === null) continue;
    const verified = verifySet(set, { trustDomain, name: folder, nowMs, before: null }, new Findings());
    if (verified !== null) return { set, verified };
    readable ??= set;
  }
  return readable === null ? null : { set: readable, verified: null };
}

/** Null when a part is missing or broken: a write that did not come to its end. */
async function readSet(folder: string): Promise<KeptSet | null> {
  const text = (name: string): Promise<string> => readOwnFile(join(folder, name));
  try {
    await checkOwnFolder(folder);
    const [svidPem, keyPem, bundlePem, crlPem, rest] = await Promise.all([
      text(FILES.svid),
      text(FILES.key),
      text(FILES.bundle),
      text(FILES.crl),
      text(FILES.rest),
    ]);
    return { svidPem, keyPem, bundlePem, crlPem, ...readRest(rest) };
  } catch (error) {
    if (error instanceof IssuerClientError) throw error;
    return null; // the set before is tried, and then the issuer
  }
}

/** @throws anything that is not as `keepSet` wrote it */
function readRest(text: string): Pick<KeptSet, 'sequence' | 'nextRenewalMs' | 'spentToken' | 'federated'> {
  const rest: unknown = JSON.parse(text);
  if (typeof rest !== 'object' || rest === null) throw new Error('not an object');
  const fields: Readonly<Record<string, unknown>> = { ...rest };
  const { sequence, nextRenewalMs, spentToken, federated } = fields;
  if (typeof sequence !== 'number' || typeof nextRenewalMs !== 'number' || typeof federated !== 'object')
    throw new Error('a field is missing');
  const bundles = new Map<TrustDomain, string>();
  for (const [name, pem] of Object.entries(federated ?? {}))
    if (typeof pem === 'string') bundles.set(parseTrustDomain(name), pem);
  return {
    sequence,
    nextRenewalMs,
    spentToken: typeof spentToken === 'string' ? spentToken : null,
    federated: bundles,
  };
}
