// A bare mutual node:tls server that answers any bytes with one fixed response: the floor of what a
// connection costs.
import { createServer } from 'node:tls';
import { settingsFrom } from './settings.ts';

const settings = settingsFrom(process.argv.slice(2));
const response = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');

createServer(settings.server, (socket) => {
  socket.on('data', () => socket.write(response));
  socket.on('error', () => socket.destroy());
}).listen({ port: settings.port, host: '127.0.0.1', backlog: 4_096 });
