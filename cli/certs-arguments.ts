// What the `certs` verbs share: durations, `trust-domain=FILE` pairs, reading input files, and writing
// secrets with care.
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { IDENTITY_FILE_BYTES_MAX } from '../certs/limits.ts';
import type { FileContent } from '../certs/read-files.ts';
import { errorCode, SallyportError } from '../core/errors.ts';
import { parseTrustDomain } from '../core/spiffe-id.ts';
import { usage } from './args.ts';
import type { Io } from './io.ts';

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90s`, `30m`, `24h` or `7d` as milliseconds. @throws ERR_USAGE */
export function parseTtl(text: string): number {
  const match = /^([1-9]\d{0,8})([smhd])$/.exec(text);
  const unit = match?.[2];
  if (unit !== 's' && unit !== 'm' && unit !== 'h' && unit !== 'd')
    throw usage(`\`${text}\` is not a duration`, 'a number and a unit, for example `24h` or `30d`');
  return Number(match?.[1]) * UNIT_MS[unit];
}

/** `example.org=ca.pem`. @throws ERR_USAGE, ERR_SPIFFE_ID */
export function parseDomainFile(text: string, option: string): { trustDomain: string; file: string } {
  const equals = text.indexOf('=');
  if (equals <= 0 || equals === text.length - 1)
    throw usage(`\`${option} ${text}\` is not a pair`, `for example \`${option} example.org=ca.pem\``);
  return { trustDomain: parseTrustDomain(text.slice(0, equals)), file: text.slice(equals + 1) };
}

/** Reads a file that the user named, or standard input for `-`. @throws ERR_FILE */
export async function readInput(
  io: Io,
  file: string,
  bytesMax = IDENTITY_FILE_BYTES_MAX,
): Promise<FileContent> {
  const path = resolve(io.cwd, file);
  try {
    if (file === '-') return { file: '(standard input)', bytes: await readStandardInput(bytesMax) };
    if ((await stat(path)).size > bytesMax)
      throw new SallyportError('ERR_FILE', `\`${file}\` is larger than ${bytesMax} bytes`);
    return { file, bytes: await readFile(path) };
  } catch (error) {
    if (error instanceof SallyportError) throw error;
    const code = errorCode(error);
    throw new SallyportError('ERR_FILE', `\`${file}\` cannot be read: ${code}`, {
      ...(READ_HINTS[code] !== undefined && { hint: READ_HINTS[code] }),
      cause: error,
    });
  }
}

const READ_HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; check the path',
  EISDIR: 'it is a folder; name a file in it',
  EACCES: 'this user may not read it; check owner and mode',
};

async function readStandardInput(bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bytesMax)
      throw new SallyportError('ERR_FILE', `standard input is larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A file to write. */
export interface OutputFile {
  readonly name: string;
  readonly text: string;
  /** Secret files get mode 0600. */
  readonly secret: boolean;
}

/**
 * Writes `files` into the folder `dir`, all or none if one exists already and `force` is not set.
 * @throws ERR_FILE_EXISTS, ERR_FILE
 */
export async function writeOutputs(
  io: Io,
  dir: string,
  files: readonly OutputFile[],
  force: boolean,
): Promise<void> {
  const folder = resolve(io.cwd, dir);
  try {
    await mkdir(folder, { recursive: true });
    for (const { name } of force ? [] : files) {
      const exists = await stat(join(folder, name)).then(
        () => true,
        () => false,
      );
      if (exists)
        throw new SallyportError('ERR_FILE_EXISTS', `\`${join(dir, name)}\` exists already`, {
          hint: '--force replaces it; a replaced key cannot be recovered',
        });
    }
    for (const file of files) await writeOutput(join(folder, file.name), file, force);
  } catch (error) {
    if (error instanceof SallyportError) throw error;
    throw new SallyportError('ERR_FILE', `\`${dir}\` cannot be written: ${errorCode(error)}`, {
      cause: error,
    });
  }
}

async function writeOutput(path: string, { text, secret }: OutputFile, force: boolean): Promise<void> {
  // `wx` does not follow a file that appeared since the check; the mode is set before the first byte is
  // there.
  const handle = await open(path, force ? 'w' : 'wx', secret ? 0o600 : 0o644);
  try {
    if (secret) await handle.chmod(0o600);
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
}
