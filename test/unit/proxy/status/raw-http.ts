// Plain sockets as the client: what an HTTP library would not send.
import { connect } from 'node:net';

/** Sends bytes and resolves with everything that comes back until the server closes. */
export async function exchange(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(text, 'latin1');
  let answer = '';
  socket.setEncoding('latin1');
  for await (const piece of socket) answer += piece;
  return answer;
}

/** One request with a Host; the status, the head and the body of the answer. */
export async function get(
  port: number,
  target: string,
  options: { method?: string; host?: string; headers?: string } = {},
): Promise<{ status: number; head: string; body: string }> {
  const { method = 'GET', host = 'localhost', headers = '' } = options;
  const text = await exchange(
    port,
    `${method} ${target} HTTP/1.0\r\nHost: ${host}\r\n${headers}Connection: close\r\n\r\n`,
  );
  const end = text.indexOf('\r\n\r\n');
  return {
    status: Number(text.split(' ')[1]),
    head: text.slice(0, end).toLowerCase(),
    body: text.slice(end + 4),
  };
}
