// CPU time of the server's thread per full mutual TLS 1.3 handshake with P-256 certificates: our listener's
// own steps, with its cache of verified leaves warm and cold, and node:tls as it is.
import { constants, createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createTcpServer, type Server } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { type Authority, createAuthority, type IssuedSvid } from '../../certs/authority/authority.ts';
import type { IdentityState } from '../../certs/source.ts';
import { createTrustBundle } from '../../certs/trust-bundle.ts';
import { type HandshakeOptions, startHandshake } from '../../proxy/tls/handshake.ts';
import { createOwnIdentity, type OwnIdentity } from '../../proxy/tls/own-identity.ts';
import { programUrl } from '../program.ts';
import type { Callers, Calls } from './handshake-client.ts';
import { type Figure, fastestOf, ratioOf, type Task } from './measure.ts';

const HANDSHAKES = 40;
const TURNS = 25;
const GREETING = 'x';
const TRUST_DOMAIN = 'bench.example';

const WARM = 'ours, leaf verified before';
const COLD = 'ours, leaf never seen';
const BARE = 'node:tls without tickets';

/** Microseconds per handshake, and ours against the bare one of the same turns. */
export async function handshakeFigures(turns = TURNS): Promise<Figure[]> {
  const authority = await createAuthority({ trustDomain: TRUST_DOMAIN });
  const own = await issue(authority, 'web');
  const worker = new Worker(programUrl('micro/handshake-client'), {
    workerData: await callersOf(authority),
  });
  const bare = { cert: own.chainPem, key: own.privateKeyPem ?? '', ca: authority.certificatePem };
  const noTickets = { ...bare, secureOptions: constants.SSL_OP_NO_TICKET };
  const ours = new Ours(stateOf(authority, own));
  const servers = [ours.server, bareServer(noTickets), bareServer(bare)];
  const [oursPort = 0, barePort = 0, ticketsPort = 0] = await Promise.all(servers.map(listen));
  try {
    const task = (name: string, port: number, leaves = 1): Task => {
      const calls: Calls = { port, handshakes: HANDSHAKES, leaves };
      const run = async (): Promise<void> => {
        worker.postMessage(calls);
        await once(worker, 'message');
      };
      return { name, unit: 'µs', operations: HANDSHAKES, clock: 'cpu', run };
    };
    const figures = await fastestOf(
      [
        task(WARM, oursPort),
        { ...task(COLD, oursPort, HANDSHAKES), before: () => ours.forget() },
        task(BARE, barePort),
        task('node:tls as it comes', ticketsPort),
      ],
      turns,
    );
    const against = (name: string): Figure => {
      return { name: `${name}, against ${BARE}`, value: ratioOf(figures, name, BARE), unit: 'x' };
    };
    return [...figures, against(WARM), against(COLD)];
  } finally {
    await worker.terminate();
    for (const server of servers) server.close();
  }
}

function issue(authority: Authority, account: string): Promise<IssuedSvid> {
  return authority.issue({
    spiffeId: `spiffe://${TRUST_DOMAIN}/ns/bench/sa/${account}`,
    dnsNames: ['localhost'],
  });
}

/** What `sallyport proxy` does from an accepted socket to a verified caller. */
class Ours {
  readonly server = createTcpServer({ allowHalfOpen: true, noDelay: true }, (raw) => {
    startHandshake(raw, this.#options, {
      secured: ({ socket }) => socket.end(GREETING),
      failed: (reason, message) => {
        throw new Error(`a good certificate was refused: ${reason}, ${message}`);
      },
    });
  });
  readonly #state: IdentityState;
  readonly #options: HandshakeOptions;
  #identity: OwnIdentity;

  constructor(state: IdentityState) {
    this.#state = state;
    this.#identity = createOwnIdentity(state, 'TLSv1.3');
    this.#options = {
      context: this.#identity.context,
      own: () => this.#identity,
      requestCertificate: true,
      http2: false,
      graceAfterExpiryMs: 0,
      now: Date.now,
    };
  }

  /** From now on every leaf is new. */
  forget(): void {
    this.#identity = createOwnIdentity(this.#state, 'TLSv1.3');
  }
}

function bareServer(options: TlsOptions): Server {
  const strict = { minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: true } as const;
  return createServer({ ...options, ...strict, noDelay: true }, (socket) => socket.end(GREETING));
}

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function stateOf(authority: Authority, own: IssuedSvid): IdentityState {
  const bundle = createTrustBundle(authority.trustDomain, [authority.certificate]);
  return {
    generation: 1,
    spiffeId: own.spiffeId,
    certificateChainPem: own.chainPem,
    presentedChainPem: own.chainPem + authority.certificatePem,
    privateKeyPem: own.privateKeyPem ?? '',
    notBeforeMs: 0,
    notAfterMs: own.notAfterMs,
    trustAnchorsPem: [authority.certificatePem],
    bundles: new Map([[bundle.trustDomain, bundle]]),
    crls: new Map(),
  };
}

/** As many leaves as a turn has handshakes, all of one key. */
async function callersOf(authority: Authority): Promise<Callers> {
  const first = await issue(authority, 'caller');
  const key = first.privateKeyPem ?? '';
  const publicKeySpki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const certificates = [first.chainPem];
  while (certificates.length < HANDSHAKES) {
    const { chainPem } = await authority.issue({ spiffeId: first.spiffeId.uri, publicKeySpki });
    certificates.push(chainPem);
  }
  return { authority: authority.certificatePem, key, certificates };
}
