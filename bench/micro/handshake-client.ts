// The callers of the handshake bench, on a thread of their own: what they cost is not in the CPU time of the
// server's. Each message is the ports to call, one after the other, with the next leaf each time; answered
// when the last connection was ended by the server.
import { connect, createSecureContext } from 'node:tls';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';

/** What the thread is started with. */
export interface Callers {
  readonly authority: string;
  readonly key: string;
  /** PEM of leaves that share the key. */
  readonly certificates: readonly string[];
}

/** One message: so many handshakes with the server on `port`, each with the next of `leaves` leaves. */
export interface Calls {
  readonly port: number;
  readonly handshakes: number;
  readonly leaves: number;
}

function serve(callers: Callers): void {
  const contexts = callers.certificates.map((cert) =>
    createSecureContext({
      ca: callers.authority,
      cert,
      key: callers.key,
      minVersion: 'TLSv1.3',
      ciphers: 'TLS_AES_128_GCM_SHA256', // whatever a server would choose among more
      ecdhCurve: 'X25519',
    }),
  );
  parentPort?.on('message', ({ port, handshakes, leaves }: Calls) => {
    let done = 0;
    const next = (): void => {
      if (done === handshakes) return parentPort?.postMessage(null);
      const secureContext = contexts[done++ % leaves];
      if (secureContext === undefined) throw new Error('there are fewer leaves than were asked for');
      const socket = connect({ host: '127.0.0.1', port, secureContext, servername: 'localhost' });
      // The server's one byte: only then has it verified this side.
      let answered = false;
      socket.on('data', () => {
        answered = true;
      });
      socket.on('close', () => {
        if (!answered) throw new Error('the server refused a good certificate');
        next();
      });
    };
    next();
  });
}

if (!isMainThread) serve(workerData);
