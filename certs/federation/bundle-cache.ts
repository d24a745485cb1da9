// The last good bundle document on disk, so that a restart while the endpoint is down forgets nobody, and no
// restart makes an older document acceptable again.
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { errorCode, SallyportError } from '../../core/errors.ts';
import type { TrustDomain } from '../../core/spiffe-id.ts';
import { BUNDLE_DOCUMENT_BYTES_MAX } from '../limits.ts';
import { JsonError, readJson } from './json.ts';

/** Whose document it is. One that was fetched for another trust domain or from elsewhere does not count. */
export interface CacheKey {
  readonly trustDomain: TrustDomain;
  /** As configured. */
  readonly url: string;
}

/** A document with the time it was fetched at. */
export interface CachedDocument {
  readonly bytes: Buffer;
  readonly fetchedAtMs: number;
  /** The highest `spiffe_sequence` seen, which may not be that of the document. */
  readonly sequence: bigint | null;
}

/** Base64 makes the document a third longer; the rest of the file is short. */
const FILE_BYTES_MAX = 2 * BUNDLE_DOCUMENT_BYTES_MAX;
const WRITABLE_BY_OTHERS = 0o022;

/**
 * The document in `file`; null when there is none for `key`.
 * @throws ERR_BUNDLE_CACHE when the file cannot be used
 */
export async function readCache(file: string, key: CacheKey): Promise<CachedDocument | null> {
  const bytes = await readOwn(file);
  if (bytes === null) return null;
  try {
    const json = readJson(bytes);
    if (!(json instanceof Map)) throw unusable(file, 'is not an object');
    const text = (name: string): string => {
      const value = json.get(name);
      return typeof value === 'string' ? value : '';
    };
    if (text('trustDomain') !== key.trustDomain || text('url') !== key.url) return null;
    const fetchedAtMs = Date.parse(text('fetchedAt'));
    const sequence = json.get('sequence') === null ? null : readSequence(text('sequence'));
    if (Number.isNaN(fetchedAtMs) || sequence === undefined)
      throw unusable(file, 'has no time or no sequence');
    return { bytes: Buffer.from(text('document'), 'base64'), fetchedAtMs, sequence };
  } catch (error) {
    if (error instanceof JsonError) throw unusable(file, `is broken at ${error.line}:${error.column}`);
    throw error;
  }
}

/** Replaces `file` as a whole. @throws ERR_BUNDLE_CACHE */
export async function writeCache(file: string, key: CacheKey, cached: CachedDocument): Promise<void> {
  const text = JSON.stringify({
    trustDomain: key.trustDomain,
    url: key.url,
    fetchedAt: new Date(cached.fetchedAtMs).toISOString(),
    sequence: cached.sequence === null ? null : String(cached.sequence),
    document: cached.bytes.toString('base64'),
  });
  // Workers of one gateway write the same file; the last one wins, and nobody reads half of it.
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await rm(temporary, { force: true }); // of a process that was killed and had this pid
    await writeFile(temporary, `${text}\n`, { mode: 0o600, flag: 'wx', flush: true });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // the error below says what is wrong
    throw unusable(file, `cannot be written: ${errorCode(error)}`);
  }
}

/** The bytes of `file`, which nobody else may have written; null when it does not exist. */
async function readOwn(file: string): Promise<Buffer | null> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null;
    throw unusable(file, `cannot be read: ${errorCode(error)}`);
  });
  if (handle === null) return null;
  try {
    const { size, mode, uid } = await handle.stat();
    // Whoever writes this file decides whom the proxy accepts.
    if ((mode & WRITABLE_BY_OTHERS) !== 0) throw unusable(file, 'can be written by other users');
    if (uid !== 0 && uid !== process.getuid?.()) throw unusable(file, 'belongs to another user');
    if (size > FILE_BYTES_MAX) throw unusable(file, `has ${size} bytes`);
    return await handle.readFile();
  } catch (error) {
    throw error instanceof SallyportError ? error : unusable(file, `cannot be read: ${errorCode(error)}`);
  } finally {
    await handle.close();
  }
}

const SEQUENCE_DIGITS_MAX = 20;

function readSequence(text: string): bigint | undefined {
  const digits =
    text !== '' && text.length <= SEQUENCE_DIGITS_MAX && [...text].every((c) => c >= '0' && c <= '9');
  return digits ? BigInt(text) : undefined;
}

const unusable = (file: string, why: string): SallyportError =>
  new SallyportError('ERR_BUNDLE_CACHE', `the bundle cache \`${file}\` ${why}`, {
    hint: 'its folder must be writable for this process alone; removing the file makes the proxy start without it',
  });
