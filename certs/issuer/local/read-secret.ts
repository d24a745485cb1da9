// The secret that the keys of the CA are encrypted with: a file that nobody else may read.
import { type FileHandle, open } from 'node:fs/promises';
import { errorCode, SallyportError } from '../../../core/errors.ts';
import { SECRET_BYTES_MIN } from '../../limits.ts';

const SECRET_BYTES_MAX = 4_096;
const OTHERS = 0o007;

/** The content of the file, without white space around it. @throws ERR_ISSUER_SECRET_FILE */
export async function readIssuerSecret(file: string): Promise<Buffer> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (cause) {
    const code = errorCode(cause);
    throw refused(
      file,
      `cannot be read: ${code === 'ENOENT' ? 'there is no such file' : code}`,
      makeHint(file),
      cause,
    );
  }
  try {
    const { mode, size } = await handle.stat();
    if ((mode & OTHERS) !== 0)
      throw refused(file, 'may be read or written by everybody', `chmod 0600 ${file}`);
    if (size > SECRET_BYTES_MAX)
      throw refused(file, `has ${size} bytes, at most ${SECRET_BYTES_MAX}`, 'is it the right file?');
    const secret = Buffer.from((await handle.readFile()).toString('latin1').trim(), 'latin1');
    if (secret.length < SECRET_BYTES_MIN)
      throw refused(file, `has ${secret.length} bytes, at least ${SECRET_BYTES_MIN}`, makeHint(file));
    return secret;
  } finally {
    await handle.close();
  }
}

const makeHint = (file: string): string => `make one: (umask 077; openssl rand -base64 32 > ${file})`;

const refused = (file: string, what: string, hint: string, cause?: unknown): SallyportError =>
  new SallyportError('ERR_ISSUER_SECRET_FILE', `the secret \`${file}\` ${what}`, { hint, cause });
