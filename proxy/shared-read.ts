// Reads a socket into memory that all of its kind share, as `onread` of net.connect does: Node has that
// option for sockets that connect, none for those that were accepted. PERF: a new buffer for each read cost
// a quarter of the CPU time of uploads over HTTP/2, and 30 MB of garbage (node bench/main.ts streams).
import type net from 'node:net';

const READ_BYTES = 65_536;

/** Memory that all connections of one kind are read into. */
export function createReadBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(READ_BYTES);
}

/** What `onread` sets on a socket, by the names of the symbols. */
const BUFFER = 'kBuffer';
const CALLBACK = 'kBufferCb';

interface UserBufferHandle {
  useUserBuffer(buffer: Uint8Array): void;
}

/**
 * Hands everything that `socket` brings from now on to `take`, in `memory`, which is valid during the call.
 * False when this Node cannot do that: nothing is changed then, and `data` events go on.
 */
export function readInto(socket: net.Socket, memory: Buffer, take: (chunk: Buffer) => void): boolean {
  const handle: unknown = Reflect.get(socket, '_handle');
  const symbols = Object.getOwnPropertySymbols(socket);
  const buffer = symbols.find(({ description }) => description === BUFFER);
  const callback = symbols.find(({ description }) => description === CALLBACK);
  if (buffer === undefined || callback === undefined || !takesUserBuffer(handle)) return false;
  // What was read before comes first, and it comes by `data`.
  if (socket.readableLength > 0) return false;
  handle.useUserBuffer(memory);
  Reflect.set(socket, buffer, memory);
  Reflect.set(socket, callback, (length: number) => {
    take(length === memory.length ? memory : memory.subarray(0, length));
    return true;
  });
  return true;
}

function takesUserBuffer(handle: unknown): handle is UserBufferHandle {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    typeof Reflect.get(handle, 'useUserBuffer') === 'function'
  );
}
