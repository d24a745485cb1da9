// The response reader of the load: cut anywhere, refused when framing is not what was asked for.
import { describe, expect, it } from 'vitest';
import { ResponseReader } from '../../../bench/load/response.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const denied = 'HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n';

function read(chunks: readonly string[]): number[] {
  const statuses: number[] = [];
  const reader = new ResponseReader((status) => statuses.push(status));
  for (const chunk of chunks) reader.push(Buffer.from(chunk, 'latin1'));
  return statuses;
}

describe('ResponseReader', () => {
  it.each([
    { name: 'one response', chunks: [ok], expect: [200] },
    { name: 'head and body apart', chunks: [ok.slice(0, -5), 'hello'], expect: [200] },
    { name: 'an unfinished body', chunks: [ok.slice(0, -1)], expect: [] },
    { name: 'an unfinished head', chunks: [ok.slice(0, 20)], expect: [] },
    { name: 'no body', chunks: [denied], expect: [403] },
    { name: 'several, one after the other', chunks: [ok, denied, ok], expect: [200, 403, 200] },
    { name: 'byte by byte', chunks: [...ok, ...denied, ...ok], expect: [200, 403, 200] },
  ])('reads $name', ({ chunks, expect: want }) => expect(read(chunks)).toEqual(want));

  it('reads a response cut at each place', () => {
    for (let cut = 1; cut < ok.length; cut++) expect(read([ok.slice(0, cut), ok.slice(cut)])).toEqual([200]);
  });

  it.each([
    { name: 'no length', chunks: ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'] },
    { name: 'a body beyond its length', chunks: [`${ok}!`] },
    { name: 'a response nobody asked for', chunks: [ok + ok] },
    { name: 'a body later beyond its length', chunks: [ok.slice(0, -2), 'lo!'] },
  ])('refuses $name', ({ chunks }) => expect(() => read(chunks)).toThrow());
});
