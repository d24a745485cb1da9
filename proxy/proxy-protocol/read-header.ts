// Reads the PROXY header from a socket that was accepted paused, and leaves it paused with everything behind
// the header still to be read: a ClientHello or a request may come in the same segment.
import type net from 'node:net';
import type { ConnectionEnds } from '../client.ts';
import { parseHeader } from './parse-header.ts';

/** Told exactly once. */
export interface HeaderOutcome {
  /** `ends` is null when the header speaks of the TCP connection itself. */
  whole(ends: ConnectionEnds | null, bytes: number): void;
  failed(message: string): void;
}

/** Starts reading; the caller bounds the time. */
export function readHeader(socket: net.Socket, outcome: HeaderOutcome): void {
  let held: Buffer | null = null;
  const stop = (): void => {
    socket.off('data', take);
    socket.off('end', gone);
    socket.off('close', gone);
  };
  const gone = (): void => {
    stop();
    outcome.failed('the peer left before its PROXY header was complete');
  };
  const take = (chunk: Buffer): void => {
    held = held === null ? chunk : Buffer.concat([held, chunk]);
    const read = parseHeader(held);
    if (read.state === 'partial') return;
    stop();
    socket.pause();
    if (read.state === 'refused') return outcome.failed(read.fault);
    if (held.length > read.length) socket.unshift(held.subarray(read.length));
    outcome.whole(read.ends, read.length);
  };
  socket.on('data', take);
  socket.once('end', gone);
  socket.once('close', gone);
  socket.resume();
}
