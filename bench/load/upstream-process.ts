// The application behind the proxies: a raw socket server with one fixed response. Its own process, so that
// its CPU time is nobody else's. Prints its port.
import { createServer } from 'node:net';

const HEAD_END = '\r\n\r\n';
const bodyBytes = Number(process.argv[2] ?? 1_024);
const response = Buffer.concat([
  Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: ${bodyBytes}${HEAD_END}`,
  ),
  Buffer.alloc(bodyBytes, 'x'),
]);

const server = createServer({ noDelay: true }, (socket) => {
  let carry = '';
  socket.on('data', (chunk) => {
    // Requests have no body, so each empty line ends one.
    let text = carry + chunk.toString('latin1');
    for (let end = text.indexOf(HEAD_END); end >= 0; end = text.indexOf(HEAD_END)) {
      text = text.slice(end + HEAD_END.length);
      socket.write(response);
    }
    carry = text;
  });
  socket.on('error', () => socket.destroy());
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  const address = server.address();
  process.send?.(typeof address === 'object' && address !== null ? address.port : 0);
});
process.on('disconnect', () => process.exit(0));
