// Messages that are mostly right: requests and responses with the variations that parsers disagree about.
import type { Random } from './random.ts';

/** One or more requests as they follow each other on a connection. */
export function requests(random: Random): string {
  return random.repeat(1 + random.below(3), () => request(random));
}

/** One or more responses, interim ones among them. */
export function responses(random: Random): string {
  return random.repeat(1 + random.below(2), () => response(random));
}

function request(random: Random): string {
  const method = random.pick([
    'GET',
    'GET',
    'POST',
    'POST',
    'PUT',
    'HEAD',
    'DELETE',
    'OPTIONS',
    'PATCH',
    'PURGE',
  ]);
  const version = random.chance(0.1) ? 'HTTP/1.0' : 'HTTP/1.1';
  const host = random.pick(['a', 'a', 'shop.example', 'a:80', '[::1]:8080', 'A.b.']);
  const lines = [`${method} ${target(random, host)} ${version}`];
  if (!random.chance(0.03)) lines.push(`Host:${blanks(random)}${host}`);
  for (let i = random.below(4); i > 0; i--) lines.push(field(random));
  const { line, body } = framing(random);
  if (line !== '') lines.splice(1 + random.below(lines.length), 0, line);
  const before = random.chance(0.05) ? '\r\n' : '';
  return `${before}${lines.join('\r\n')}\r\n\r\n${body}`;
}

function response(random: Random): string {
  const status = random.pick(['200', '200', '200', '404', '500', '204', '304', '100', '103', '599']);
  const lines = [
    `HTTP/1.${random.pick(['1', '1', '1', '0'])} ${status}${random.pick([' OK', ' OK', ' ', '', ' Not \xe4'])}`,
  ];
  for (let i = random.below(4); i > 0; i--) lines.push(field(random));
  const bodiless = status < '200' || status === '204';
  const { line, body } = bodiless && random.chance(0.9) ? { line: '', body: '' } : framing(random);
  if (line !== '') lines.push(line);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

function target(random: Random, host: string): string {
  const path = random.repeat(1 + random.below(4), () => `/${segment(random)}`);
  const query = random.chance(0.3)
    ? `?${random.pick(['', 'a=b', 'a[]=1&b="', '/../', '%', '?', '{}|^`'])}`
    : '';
  if (random.chance(0.05)) return '*';
  if (random.chance(0.1))
    return `${random.pick(['http', 'HTTP', 'https'])}://${host}${random.pick([path, path, ''])}${query}`;
  return path + query;
}

function segment(random: Random): string {
  if (!random.chance(0.1))
    return random.pick(['a', 'items', '42', 'x.y', 'a%20b', '.well-known', '..', '%2e', '%41']);
  return random.pick([
    ...([
      'a',
      'items',
      '42',
      '',
      '.',
      '..',
      '%2e',
      '%2E%2e',
      'a%20b',
      '%41',
      'a;v=1',
      '..;',
      'x.y',
      '~b',
    ] as const),
    ...(['%2f', '%5C', '\\', '%00', '%zz', '[id]', '@:,', '%c3%a9'] as const),
  ]);
}

function field(random: Random): string {
  const name = random.pick([
    ...([
      'X-A',
      'x-b',
      'Accept',
      'User-Agent',
      'Cookie',
      'Authorization',
      'TE',
      'Trailer',
      'Keep-Alive',
    ] as const),
    ...([
      'Connection',
      'Connection',
      'Upgrade',
      'Expect',
      'X-Forwarded-For',
      'X-User',
      'X_Other',
      'x_user',
    ] as const),
    ...(['Proxy-Connection', 'HTTP2-Settings', 'X-Forwarded-Client-Cert', '!#$%&'] as const),
  ]);
  return `${name}:${blanks(random)}${value(random)}${random.chance(0.1) ? blanks(random) : ''}`;
}

function value(random: Random): string {
  return random.pick([
    ...([
      'a',
      'b c',
      '',
      'close',
      'keep-alive',
      'upgrade',
      'websocket',
      'h2c',
      '100-continue',
      'x-a',
      'X-B, close',
    ] as const),
    ...([
      'text/html;q=0.9, */*',
      '"quoted, text"',
      'a\tb',
      '\xe4\xff',
      'trailers',
      ',',
      'a=b; c=d',
      '0'.repeat(200),
    ] as const),
  ]);
}

function blanks(random: Random): string {
  return random.pick([' ', ' ', ' ', '', '\t', '  ', ' \t']);
}

/** A framing line and a body that mostly fits it. */
function framing(random: Random): { line: string; body: string } {
  const kind = random.below(10);
  if (kind < 3) return { line: '', body: '' };
  const data = random.pick([
    '',
    'x',
    'hello',
    '0\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    '\r\n',
    '5\r\nhello\r\n',
  ]);
  if (kind < 6) {
    const length = random.chance(0.05) ? random.below(100) : data.length;
    return {
      line: `${random.pick(['Content-Length', 'content-length', 'CONTENT-LENGTH'])}:${blanks(random)}${length}`,
      body: data,
    };
  }
  const coding = random.chance(0.05)
    ? random.pick(['xchunked', 'gzip, chunked', 'chunked, chunked', ''])
    : random.pick(['chunked', 'Chunked']);
  const line = `Transfer-Encoding:${random.chance(0.1) ? blanks(random) : ' '}${coding}`;
  return {
    line: random.chance(0.03) ? `${line}\r\nContent-Length: ${data.length}` : line,
    body: chunks(random),
  };
}

function chunks(random: Random): string {
  const body = random.repeat(random.below(4), () => {
    const data = random.pick(['x', 'hello', '\r\n', '0123456789abcdef', '0\r\n\r\n', '\x00\xff']);
    return `${size(random, data.length)}${extension(random)}\r\n${data}\r\n`;
  });
  const trailers = random.chance(0.2)
    ? random.repeat(
        1 + random.below(2),
        () =>
          `${random.pick(['X-Sum', 'x-b', 'Server-Timing', 'Host', 'Content-Length'])}:${blanks(random)}${value(random)}\r\n`,
      )
    : '';
  return `${body}${random.pick(['0', '0', '0', '00'])}${extension(random)}\r\n${trailers}\r\n`;
}

function size(random: Random, length: number): string {
  const hex = length.toString(16);
  return random.pick([hex, hex, hex, hex.toUpperCase(), `0${hex}`, `0000${hex}`]);
}

function extension(random: Random): string {
  if (!random.chance(0.15)) return '';
  return random.repeat(1 + random.below(2), () =>
    random.pick([';a', ';a=b', ';a="b"', ';a="\\"\\\\;"', ';a-b=1_2', ';', '; a', ';a=']),
  );
}
