// Files with recorded traffic, plain or compressed by gzip, and standard input, as chunks of bytes.
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { errorCode, SallyportError } from '../../core/errors.ts';
import type { FlowSource } from '../../policy/flows/read.ts';
import { usage } from '../args.ts';
import { fileFacts, unreadable } from '../flows/input.ts';
import type { Io } from '../io.ts';

/** A source, and how much is to be read of it, where that is known. */
export interface RecordSource extends FlowSource {
  readonly bytesMax: number | null;
}

const READ_BYTES = 1024 * 1024;
const GZIP = [0x1f, 0x8b]; // RFC 1952 section 2.3.1

/** Opens every file once; nothing is read yet. @throws ERR_USAGE, ERR_FLOWS_FILE */
export async function recordSources(files: readonly string[], io: Io): Promise<RecordSource[]> {
  const seen = new Set<string>();
  const sources: RecordSource[] = [];
  for (const file of files) {
    const { path, bytesMax } = file === '-' ? { path: '-', bytesMax: null } : await fileFacts(file, io);
    if (seen.has(path)) throw usage(`\`${file}\` is named twice`, 'its requests would count twice');
    seen.add(path);
    const raw = file === '-' ? process.stdin : fileChunks(file, path);
    sources.push({ name: file, chunks: inflated(file, raw), bytesMax });
  }
  return sources;
}

/**
 * The first chunk of a source, and the source with it: to see what it is about before it is read.
 */
export async function peek(source: RecordSource): Promise<{ first: Uint8Array; source: RecordSource }> {
  const chunks = source.chunks[Symbol.asyncIterator]();
  const { value, done } = await chunks.next();
  const first: Uint8Array = done === true ? new Uint8Array(0) : value;
  return { first, source: { ...source, chunks: after(first, chunks) } };
}

async function* after(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

async function* fileChunks(file: string, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: READ_BYTES });
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

/** What begins as gzip does is taken for it, whatever the file is called. */
async function* inflated(file: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const rest = chunks[Symbol.asyncIterator]();
  const { value, done } = await rest.next();
  if (done === true) return;
  const whole = after(value, rest);
  if (value[0] !== GZIP[0] || value[1] !== GZIP[1]) {
    yield* whole;
    return;
  }
  const gunzip = createGunzip({ chunkSize: READ_BYTES });
  const piped = pipeline(Readable.from(whole), gunzip);
  piped.catch(() => undefined); // reading `gunzip` tells the same
  try {
    yield* gunzip;
    await piped;
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause;
    throw new SallyportError('ERR_FLOWS_FILE', `\`${file}\` is not whole gzip: ${errorCode(cause)}`, {
      hint: 'check it with `gzip -t`',
      cause,
    });
  }
}
