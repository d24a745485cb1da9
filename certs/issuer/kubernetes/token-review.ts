// Asks the Kubernetes API server whether a service account token is good, and whose it is (TokenReview,
// authentication.k8s.io/v1). Nothing is kept: a token that was revoked a moment ago is refused.
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { type RequestOptions, request } from 'node:https';
import { errorCode, SallyportError } from '../../../core/errors.ts';
import type { KubernetesConfig } from '../../../core/issuer-config/config.ts';
import { KUBERNETES_ANSWER_BYTES_MAX, SERVICE_ACCOUNT_TOKEN_CHARACTERS_MAX } from '../../limits.ts';
import { readPem } from '../../x509/pem.ts';
import { readReview, type ServiceAccount } from './read-review.ts';

/** What became of a token. `unavailable`: the API server could not say. Messages are for the operator. */
export type ReviewVerdict =
  | { readonly ok: true; readonly account: ServiceAccount }
  | {
      readonly ok: false;
      readonly fault: 'refused' | 'forbidden' | 'unavailable';
      readonly message: string;
    };

/** Reviews tokens. */
export interface TokenReviewer {
  /** Never rejects. */
  review(token: string): Promise<ReviewVerdict>;
}

const PATH = '/apis/authentication.k8s.io/v1/tokenreviews';

/** Opens the way to the API server. @throws ERR_ISSUER_KUBERNETES when a file of it cannot be read */
export async function openTokenReviewer(config: KubernetesConfig): Promise<TokenReviewer> {
  const namespaces = new Set(config.namespaces);
  const files = { ca: new FollowedFile(config.caFile), token: new FollowedFile(config.tokenFile) };
  authorities(config.caFile, await files.ca.read());
  await files.token.read();
  return {
    async review(token) {
      if (!isToken(token)) return refuse('refused', 'the service account token is not a JWT');
      let answer: { status: number; body: Buffer };
      try {
        const ca = authorities(config.caFile, await files.ca.read());
        const own = (await files.token.read()).trim();
        answer = await post({ config, ca, own }, reviewText(token, config.audience));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return refuse('unavailable', `the Kubernetes API server did not answer: ${why}`);
      }
      // 201 is what a create answers. 401 and 403 are about the issuer's own token.
      if (answer.status !== 201)
        return refuse('unavailable', `the Kubernetes API server answered ${answer.status} to a TokenReview`);
      const read = readReview(answer.body, config.audience);
      if (!read.ok) return refuse('refused', read.message);
      const { namespace, serviceAccount } = read.account;
      if (!namespaces.has(namespace))
        return refuse(
          'forbidden',
          `service account \`${namespace}/${serviceAccount}\` is of a namespace that is not listed`,
        );
      return read;
    },
  };
}

const refuse = (fault: 'refused' | 'forbidden' | 'unavailable', message: string): ReviewVerdict => ({
  ok: false,
  fault,
  message,
});

/**
 * The text of the CA file, with one certificate at least. SAFETY: an empty `ca` means to Node that it was not
 * given: every public CA could then vouch for an API server, which gets all tokens and says whose they are.
 * @throws ERR_ISSUER_KUBERNETES
 */
function authorities(file: string, text: string): string {
  const found = readPem(text).blocks.some(({ label, der }) => label === 'CERTIFICATE' && isCertificate(der));
  if (found) return text;
  throw new SallyportError('ERR_ISSUER_KUBERNETES', `\`${file}\` holds no certificate`, {
    hint: 'it holds the CA certificates of the API server, PEM; it may still be being written',
  });
}

function isCertificate(der: Buffer): boolean {
  try {
    return new X509Certificate(der).raw.length > 0;
  } catch {
    return false; // cut, or something else
  }
}

const reviewText = (token: string, audience: string): string =>
  JSON.stringify({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, audiences: [audience] },
  });

/** Base64url and dots (RFC 7515 section 7.1): nothing else is passed on. */
function isToken(text: string): boolean {
  if (text.length > SERVICE_ACCOUNT_TOKEN_CHARACTERS_MAX) return false;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const letter = (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a);
    const digit = c >= 0x30 && c <= 0x39;
    if (c === 0x2e) dots++;
    else if (!letter && !digit && c !== 0x2d && c !== 0x5f) return false;
  }
  return dots === 2;
}

interface Way {
  readonly config: KubernetesConfig;
  readonly ca: string;
  /** The issuer's own bearer token. */
  readonly own: string;
}

function post({ config, ca, own }: Way, text: string): Promise<{ status: number; body: Buffer }> {
  const options: RequestOptions = {
    method: 'POST',
    ca,
    agent: false, // a connection for each: no session is resumed after the CA file changed
    minVersion: 'TLSv1.2',
    signal: AbortSignal.timeout(config.timeout),
    headers: {
      authorization: `Bearer ${own}`,
      'content-type': 'application/json',
      accept: 'application/json',
      'content-length': Buffer.byteLength(text),
    },
  };
  return new Promise((resolve, reject) => {
    const asked = request(new URL(PATH, config.apiServer), options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > KUBERNETES_ANSWER_BYTES_MAX) asked.destroy(new Error('its answer is too large'));
        else chunks.push(chunk);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(text);
  });
}

/** A file that is read again when it changed: Kubernetes replaces tokens and CA certificates in place. */
class FollowedFile {
  readonly #path: string;
  #text = '';
  #version = '';

  constructor(path: string) {
    this.#path = path;
  }

  /** Its present text. @throws ERR_ISSUER_KUBERNETES */
  async read(): Promise<string> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (version !== this.#version) {
        this.#text = await readFile(this.#path, 'latin1');
        this.#version = version;
      }
      return this.#text;
    } catch (cause) {
      const code = errorCode(cause);
      throw new SallyportError('ERR_ISSUER_KUBERNETES', `\`${this.#path}\` cannot be read: ${code}`, {
        hint: 'in a pod both files are in /var/run/secrets/kubernetes.io/serviceaccount',
        cause,
      });
    }
  }
}
