// What a workload proves with who it is, read from files again for every attempt: tokens are replaced.
import { hash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { TOKEN_FILE_BYTES_MAX } from '../limits.ts';
import { IssuerClientError, reasonOf } from './problem.ts';

/** A one-time join token with the root by which its issuer is known. */
export interface JoinToken {
  /** As the issuer wants it, the whole text. */
  readonly token: string;
  /** Lower-case hex SHA-256 of the DER of the issuer's root. */
  readonly pin: string;
  /** Lower-case hex SHA-256 of the text, to know it again once it is spent. */
  readonly fingerprint: string;
}

const SECRET_CHARS = 43; // 32 bytes in base64url
const PIN_CHARS = 64;

/** Reads `<base64url of 32 bytes>.<hex SHA-256>` from a file. @throws ERR_ISSUER_CLIENT_FILE */
export async function readJoinToken(file: string): Promise<JoinToken> {
  const token = await readToken(file);
  const [secret = '', pin = '', ...more] = token.split('.');
  const bytes = Buffer.from(secret, 'base64url');
  const sound =
    more.length === 0 &&
    secret.length === SECRET_CHARS &&
    bytes.toString('base64url') === secret &&
    pin.length === PIN_CHARS &&
    Buffer.from(pin, 'hex').toString('hex') === pin;
  if (!sound)
    throw fileError(file, 'does not hold a join token', 'it is printed when the issuer makes the token');
  return { token, pin, fingerprint: hash('sha256', token, 'hex') };
}

/** Reads a file of one token, without the whitespace around it. @throws ERR_ISSUER_CLIENT_FILE */
export async function readToken(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > TOKEN_FILE_BYTES_MAX)
      throw fileError(file, `has ${size} bytes`, `a token has at most ${TOKEN_FILE_BYTES_MAX}`);
    const token = (await readFile(file, 'utf8')).trim();
    if (token === '') throw fileError(file, 'is empty', 'it may still be being written');
    return token;
  } catch (error) {
    if (error instanceof IssuerClientError) throw error;
    throw fileError(file, `cannot be read: ${reasonOf(error)}`, 'check path, owner and mode');
  }
}

function fileError(file: string, what: string, hint: string): IssuerClientError {
  return new IssuerClientError('ERR_ISSUER_CLIENT_FILE', `\`${file}\` ${what}`, { hint });
}
