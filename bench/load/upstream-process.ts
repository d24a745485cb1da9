// The application behind the proxies: a raw socket server with fixed responses. Its own process, so that its
// CPU time is nobody else's. `/…/size-65536` is answered with a body of so many bytes, every other path with
// the size on the command line; HTTP/2 by its preface, on the same port. Prints its port.
import { createServer, type Socket } from 'node:net';
import { Outputs } from '../../proxy/http2/output.ts';
import { isPreface } from '../../proxy/http2/preface.ts';
import { Http2Application } from './http2/application.ts';

const HEAD_END = '\r\n\r\n';
const SIZE = '/size-';
const bodyBytes = Number(process.argv[2] ?? 1_024);
const responses = new Map<number, Buffer>();

const outputs = new Outputs();

const server = createServer({ noDelay: true }, (socket) => {
  socket.once('data', (chunk: Buffer) => {
    if (isPreface(chunk)) new Http2Application(socket, outputs, bodyBytes).accept(chunk);
    else serve(socket, chunk);
  });
  socket.on('error', () => socket.destroy());
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  const address = server.address();
  process.send?.(typeof address === 'object' && address !== null ? address.port : 0);
});
process.on('disconnect', () => process.exit(0));

/** HTTP/1.1. */
function serve(socket: Socket, first: Buffer): void {
  let carry = '';
  const take = (chunk: Buffer): void => {
    // Requests have no body, so each empty line ends one.
    let text = carry + chunk.toString('latin1');
    for (let end = text.indexOf(HEAD_END); end >= 0; end = text.indexOf(HEAD_END)) {
      socket.write(responseOf(text.slice(0, text.indexOf('\r\n'))));
      text = text.slice(end + HEAD_END.length);
    }
    carry = text;
  };
  take(first);
  socket.on('data', take);
}

function responseOf(requestLine: string): Buffer {
  const at = requestLine.indexOf(SIZE);
  const size = at < 0 ? bodyBytes : Number.parseInt(requestLine.slice(at + SIZE.length), 10);
  let response = responses.get(size);
  if (response === undefined) {
    const type = 'content-type: application/octet-stream';
    const head = `HTTP/1.1 200 OK\r\n${type}\r\ncontent-length: ${size}${HEAD_END}`;
    response = Buffer.concat([Buffer.from(head), Buffer.alloc(size, 'x')]);
    responses.set(size, response);
  }
  return response;
}
