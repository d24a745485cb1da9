// The corpus of certificates in real handshakes, presented by a foreign TLS on both sides of the proxy: no
// bad one gets a byte of HTTP, or a byte of a request; every good one does.
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CorpusStage, corpusStage, type Played } from './stage/corpus.ts';
import { ForeignVerifier } from './stage/foreign-verifier.ts';
import { eventually, statusPage } from './stage/observe.ts';
import { outbound } from './stage/pair.ts';
import { Application, answering, get, OK, Wire } from './stage/wire.ts';

const ALLOW_ANY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: any, namespace: shop }
spec: { action: ALLOW, rules: [{}] }
`;
const CLOSE = 'Connection: close\r\n';

let verifier: ForeignVerifier;
beforeAll(() => {
  verifier = new ForeignVerifier();
});
afterAll(() => verifier.close());

/** Every series of `name` as exposed. */
async function counts(of: CorpusStage, name: string): Promise<ReadonlyMap<string, number>> {
  const { text } = await statusPage(of.stage, '/metrics');
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`));
  return new Map(
    lines.map((line) => [
      /(?:result|reason)="([^"]*)"/.exec(line)?.[1] ?? '',
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  );
}

/** What grew, by one each. */
function grown(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string[] {
  return [...after].flatMap(([key, n]) => Array<string>(n - (before.get(key) ?? 0)).fill(key));
}

const label = ({ row }: Played): string => `${row.name} (${row.section})`;

/** What is printed at the end. */
interface Counted {
  bad: number;
  accepted: number;
  good: number;
  refused: number;
}
const tell = ({ bad, accepted, good, refused }: Counted, who: string): void =>
  void process.stdout.write(
    `${who}, in handshakes: ${bad} bad: ${accepted} accepted, ${good} good: ${refused} refused\n`,
  );

describe('callers', () => {
  const counted: Counted = { bad: 0, accepted: 0, good: 0, refused: 0 };
  let corpus: CorpusStage;
  let application: Application;

  beforeAll(async () => {
    application = await Application.start(answering(OK));
    corpus = await corpusStage('cart');
    const { stage, identity } = corpus;
    await stage.start({ upstreamPort: application.port, identity, policies: { 'any.yaml': ALLOW_ANY } });
  });
  afterAll(async () => {
    tell(counted, 'callers');
    await corpus.stage.close();
    application.close();
  });

  const present = (sample: Played['sample']): Promise<{ Text: string }> => {
    const Address = `127.0.0.1:${corpus.stage.port}`;
    return verifier.present({ Do: 'call', Address, Text: get('/', CLOSE) }, sample.chain, sample.key);
  };

  test('that are bad get not one byte, and are counted by their reason', { timeout: 120_000 }, async () => {
    const wrong: string[] = [];
    let before = await counts(corpus, 'sallyport_handshakes_total');
    for (const played of corpus.bad) {
      const { Text } = await present(played.sample);
      counted.bad++;
      if (Text !== '') counted.accepted++;
      const from = before;
      before = await eventually(
        () => counts(corpus, 'sallyport_handshakes_total'),
        (now) => grown(from, now).length > 0,
      );
      const reason = played.row.expect.split(':')[0] ?? '';
      const results = grown(from, before).join(' ');
      // OpenSSL ends the handshake itself where it cannot read the certificate, or its key.
      if (Text !== '' || ![reason, 'handshake-failed'].includes(results))
        wrong.push(`${label(played)}: ${results} for ${reason}; ${Text.slice(0, 40)}`);
    }
    expect(wrong).toEqual([]);
    expect(application.connections).toEqual([]);
  });

  test('that are good reach the application', { timeout: 60_000 }, async () => {
    const refused: string[] = [];
    for (const played of corpus.good) {
      const { Text } = await present(played.sample);
      if (!Text.startsWith('HTTP/1.1 200 OK')) refused.push(label(played));
    }
    counted.good = corpus.good.length;
    counted.refused = refused.length;
    expect(refused).toEqual([]);
  });
});

describe('servers', () => {
  const counted: Counted = { bad: 0, accepted: 0, good: 0, refused: 0 };
  let corpus: CorpusStage;

  beforeAll(async () => {
    corpus = await corpusStage('web');
    const { Port } = await serve(corpus.good[0] as Played);
    const peers = corpus.trustDomains.map((trustDomain) => `spiffe://${trustDomain}/*`);
    const { stage, identity } = corpus;
    await stage.start({ ...outbound({ port: Port, peers }), identity });
  });
  afterAll(async () => {
    tell(counted, 'servers');
    await corpus.stage.close();
  });

  const serve = ({ sample }: Played): Promise<{ Port: number }> =>
    verifier.present(
      { Do: 'serve', Text: OK.replace('\r\n\r\n', `\r\n${CLOSE}\r\n`) },
      sample.chain,
      sample.key,
    );

  /** The status of one request of the application, and what the server decrypted of it. */
  async function ask(): Promise<{ status: string; got: string }> {
    const socket = net.connect({ host: '127.0.0.1', port: corpus.stage.port, allowHalfOpen: true });
    const app = new Wire(socket);
    app.send(get('/secret', CLOSE));
    const answer = await app.end();
    socket.destroy();
    return { status: answer.slice(9, 12), got: (await verifier.ask({ Do: 'received' })).Text };
  }

  test('that are bad get not one byte of a request', { timeout: 120_000 }, async () => {
    const wrong: string[] = [];
    for (const played of corpus.bad) {
      await serve(played);
      const { status, got } = await ask();
      counted.bad++;
      if (got !== '') counted.accepted++;
      if (status !== '502' || got !== '') wrong.push(`${label(played)}: ${status} ${got.slice(0, 40)}`);
    }
    expect(wrong).toEqual([]);
  });

  test('that are good get it', { timeout: 60_000 }, async () => {
    const refused: string[] = [];
    for (const played of corpus.good) {
      await serve(played);
      const { status, got } = await ask();
      if (status !== '200' || !got.startsWith('GET /secret ')) refused.push(`${label(played)}: ${status}`);
    }
    counted.good = corpus.good.length;
    counted.refused = refused.length;
    expect(refused).toEqual([]);
  });
});
