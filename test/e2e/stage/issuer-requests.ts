// Requests to an issuer, as a foreign client makes them: a key and a CSR, and HTTPS without any of our code.
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { loadEncoder } from '../../../certs/authority/encode-der.ts';
import { writePem } from '../../../certs/x509/pem.ts';

/** A key, and a request to certify it. */
export interface Csr {
  readonly csr: string;
  readonly keyPem: string;
}

/** A P-256 key with its CSR; with `uri` in a requested extension. */
export async function makeCsr(uri?: string): Promise<Csr> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return {
    csr: writePem('CERTIFICATE REQUEST', await encodeCsr(privateKey, uri)),
    keyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

/** DER; `signer` other than the key makes it a lie. */
export async function encodeCsr(key: KeyObject, uri?: string, signer = key): Promise<Buffer> {
  const e = await loadEncoder();
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const san = (text: string): Buffer => e.encode(e.sequence([e.taggedBytes(6, Buffer.from(text, 'latin1'))]));
  const extension = (text: string) =>
    e.sequence([
      e.oid('1.2.840.113549.1.9.14'),
      e.set([e.sequence([e.sequence([e.oid('2.5.29.17'), e.octets(san(text))])])]),
    ]);
  const attributes = uri === undefined ? [] : [extension(uri)];
  const info = e.encode(
    e.sequence([e.smallInteger(0), e.sequence([]), e.raw(spki), e.tagged(0, attributes)]),
  );
  const signature = sign('sha256', info, signer);
  return e.encode(e.sequence([e.raw(info), e.sequence([e.oid('1.2.840.10045.4.3.2')]), e.bits(signature)]));
}

/** One request. */
export interface IssuerRequest {
  readonly port: number;
  readonly path: string;
  /** POST with a body, GET without. */
  readonly body?: string | object;
  /** PEM of an SVID and its key, to be shown. */
  readonly svid?: { readonly certificatePem: string; readonly keyPem: string };
  readonly method?: string;
}

/** One answer; `json` null without a body. */
export interface IssuerAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly json: Record<string, unknown> | null;
}

/**
 * Asks on a connection of its own. The server is not verified: that is the client's business, and tested
 * there.
 */
export function askIssuer({ port, path, body, svid, method }: IssuerRequest): Promise<IssuerAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        agent: false,
        rejectUnauthorized: false,
        ...(svid && { cert: svid.certificatePem, key: svid.keyPem }),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          const json = text === '' ? null : (JSON.parse(text) as Record<string, unknown>);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, json });
        });
      },
    );
    asked.on('error', reject);
    asked.end(typeof body === 'object' ? JSON.stringify(body) : body);
  });
}

/** A text field of an answer. */
export function textOf({ status, json }: IssuerAnswer, key: string): string {
  const value = json?.[key];
  if (typeof value !== 'string') throw new Error(`${status} has no ${key}: ${JSON.stringify(json)}`);
  return value;
}
