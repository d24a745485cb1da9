// What it takes to tell many who wait of one revocation, when the list is long: everybody is sent the same
// bytes, as fast as it takes them. Prints memory and how long the event loop was held.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import https from 'node:https';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeCsr } from '../../../../e2e/stage/issuer-requests.ts';
import { temporaryFolder } from '../open-test-issuer.ts';

const POLLS = 300;
const SERIALS = 50_000;
// Each answer in one write: 1,700 MB more, and 4,400 ms. Now 160 MB and 150 ms; the machine is shared.
const GROWN_MB_MAX = 500;
const STALL_MS_MAX = 1_500;

interface Answered {
  readonly status: number | undefined;
  readonly bytes: number;
  readonly end: string;
}

/** Keeps the end of the answer only: 300 of them are 800 MB. */
function ask(options: https.RequestOptions, body = ''): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const own = { host: '127.0.0.1', rejectUnauthorized: false, agent: false };
    const request = https.request({ ...own, ...options }, (answer) => {
      let [bytes, end] = [0, Buffer.alloc(0)];
      answer.on('data', (piece: Buffer) => {
        bytes += piece.length;
        end = Buffer.concat([end, piece]).subarray(-8_192);
      });
      answer.on('end', () => resolve({ status: answer.statusCode, bytes, end: end.toString() }));
      answer.on('error', reject);
    });
    request.on('error', reject).end(body);
  });
}

/** An issuer in a process of its own. */
class PolledIssuer {
  readonly #child = fork(new URL('polled-issuer.ts', import.meta.url).pathname, [
    join(temporaryFolder(), 'state'),
    String(SERIALS),
  ]);

  constructor() {
    onTestFinished(() => void this.#child.kill());
  }

  async next(): Promise<Readonly<Record<string, unknown>>> {
    const [said]: unknown[] = await once(this.#child, 'message');
    if (typeof said !== 'object' || said === null) throw new Error('not an object');
    return { ...said };
  }

  say(what: 'token' | 'polls' | 'revoke' | 'figures'): Promise<Readonly<Record<string, unknown>>> {
    const next = this.next();
    this.#child.send(what);
    return next;
  }
}

test(`${POLLS} who wait are told of a list of ${SERIALS} serials, in little memory`, async () => {
  const issuer = new PolledIssuer();
  const { port, sequence } = await issuer.next();
  const { csr, keyPem } = await makeCsr();
  const { token } = await issuer.say('token');
  const svid = await ask(
    { port: Number(port), method: 'POST', path: '/v1/svid' },
    JSON.stringify({ csr, joinToken: token }),
  );
  const chain: unknown = JSON.parse(svid.end).svid;
  const shown = { cert: String(chain), key: keyPem, port: Number(port) };
  const path = `/v1/trust?after=${sequence}&wait=30`;
  const polls = Array.from({ length: POLLS }, () => ask({ ...shown, path }));
  await expect.poll(async () => (await issuer.say('polls'))['polls'], { timeout: 20_000 }).toBe(POLLS);
  const startMs = performance.now();
  await issuer.say('revoke');
  const answers = await Promise.all(polls);
  const lastMs = performance.now() - startMs;
  const figures = await issuer.say('figures');
  const [mb, peakMb, revokeMs, stallMs] = ['mb', 'peakMb', 'revokeMs', 'stallMs'].map((name) =>
    Math.round(Number(figures[name])),
  );
  console.log(
    `${POLLS} polls, ${answers[0]?.bytes} bytes each: memory ${mb} MB before, ${peakMb} MB at most;`,
    `revocation ${revokeMs} ms, then held for ${stallMs} ms at most; the last one told after ${lastMs.toFixed(0)} ms`,
  );
  expect(new Set(answers.map(({ status, bytes, end }) => `${status} ${bytes} ${end.slice(-15)}`)).size).toBe(
    1,
  );
  expect(answers[0]).toMatchObject({ status: 200, end: expect.stringMatching(/},"renew":false}$/) });
  expect(answers[0]?.bytes).toBeGreaterThan(SERIALS * 50);
  expect(Number(peakMb) - Number(mb)).toBeLessThan(GROWN_MB_MAX);
  expect(stallMs).toBeLessThan(STALL_MS_MAX);
}, 60_000);
