// A plaintext GET for status and admin addresses.
import { get } from 'node:http';

export interface PlainAnswer {
  readonly status: number;
  readonly body: string;
}

const ANSWER_MS_MAX = 5_000;

/** GET on 127.0.0.1; null when nothing answers in time. */
export function plainGet(port: number, path: string): Promise<PlainAnswer | null> {
  return new Promise((resolve) => {
    const request = get(
      { host: '127.0.0.1', port, path, agent: false, signal: AbortSignal.timeout(ANSWER_MS_MAX) },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        response.on('error', () => resolve(null));
      },
    );
    request.on('error', () => resolve(null));
  });
}
