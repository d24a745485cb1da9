// A request's body as a JSON object of known keys: read to a limit, in a time, and refused as soon as it is
// anything else.
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../../core/clock.ts';
import { SallyportError } from '../../../core/errors.ts';
import { ISSUER_BODY_BYTES_MAX, ISSUER_BODY_MS_MAX } from '../../limits.ts';
import { IssuerError } from '../issuer-error.ts';

/** Texts, or absent. */
export type Fields<Key extends string> = { readonly [K in Key]?: string };

/** The whole body. @throws ERR_ISSUER_HTTP_BODY, ERR_ISSUER_REQUEST */
export function readBody(request: IncomingMessage, clock: Clock): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const end = (error: Error | null): void => {
      late.cancel();
      request.off('data', take);
      if (error === null) resolve(Buffer.concat(chunks, bytes));
      else reject(error);
    };
    const late = clock.after(ISSUER_BODY_MS_MAX, () => end(refused('the body did not come in time')));
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > ISSUER_BODY_BYTES_MAX) return end(tooLarge());
      chunks.push(chunk);
    };
    if (Number(request.headers['content-length'] ?? 0) > ISSUER_BODY_BYTES_MAX) return end(tooLarge());
    request.on('data', take);
    request.on('end', () => end(null));
    request.on('close', () => end(refused('the body is not complete')));
    request.on('error', () => end(refused('the body is not complete')));
  });
}

/** Reads a JSON object that has no other keys than `keys`, all of them texts. @throws ERR_ISSUER_REQUEST */
export function readFields<Key extends string>(body: Buffer, keys: readonly Key[]): Fields<Key> {
  const value = readObject(body);
  const fields: { [K in Key]?: string } = {};
  for (const [name, held] of Object.entries(value)) {
    const key = keys.find((one) => one === name);
    if (key === undefined) throw refused(`a key of the body is not one of ${keys.join(', ')}`);
    if (typeof held !== 'string') throw refused(`\`${key}\` is not a text`);
    if (held === '') throw refused(`\`${key}\` is empty`);
    fields[key] = held;
  }
  return fields;
}

/** Reads a JSON object in UTF-8. @throws ERR_ISSUER_REQUEST */
export function readObject(body: Buffer): object {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw refused('the body is not JSON in UTF-8'); // the parser's own words would repeat what was sent
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refused('the body is not a JSON object');
  return value;
}

/** What the caller sent is wrong; the message is told to the caller. */
export const refused = (message: string): IssuerError => new IssuerError('ERR_ISSUER_REQUEST', message);

const tooLarge = (): SallyportError =>
  new SallyportError('ERR_ISSUER_HTTP_BODY', 'the body of a request is too large');
