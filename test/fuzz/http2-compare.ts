// The property: whatever header block we accept, nghttp2 accepts and reads the same; and the head that we
// make of it says to our parser of HTTP/1.1 what the block said.
import { LINE_SLOTS } from '../../proxy/http1/head.ts';
import { RequestParser } from '../../proxy/http1/parse-request.ts';
import { ProtectedNames } from '../../proxy/http1/protected-names.ts';
import { HpackDecoder, Scratch } from '../../proxy/http2/hpack/decoder.ts';
import { type Field, valueEnd, valueStart } from '../../proxy/http2/hpack/field.ts';
import { RequestBlock } from '../../proxy/http2/request-block.ts';
import type { Case } from './cases.ts';
import type { Comparison } from './compare.ts';
import { headersFrame, type Pairs, readAsServer } from './nghttp2.ts';

const HEAD_BYTES_MAX = 65_536;

/** What we make of one block. */
interface Block {
  readonly bytes: Buffer;
  /** Its fields; null when it is no header block. */
  readonly list: Pairs | null;
  readonly fault: string;
  readonly head: Buffer | null;
}

/** Compares our reading of the blocks of `one` with that of nghttp2. */
export async function compareHttp2(one: Case): Promise<Comparison> {
  const blocks = readOurs(one);
  const frames = blocks.map(({ bytes }, i) => headersFrame(1 + 2 * i, bytes, (bytes.length + i) >> (i % 2)));
  const { requests } = await readAsServer(frames);
  let fault: string | null = null;
  let messages = 0;
  for (const [i, { list, head, fault: ours }] of blocks.entries()) {
    const result = (finding: string | null): Comparison => ({ finding, messages, fault });
    if (list === null) return { finding: null, messages, fault: 'not a header block' };
    if (head === null) {
      fault = ours;
      continue;
    }
    const parser = newParser();
    const accepted = parser.push(head, 0) === head.length;
    const theirs = requests.get(1 + 2 * i);
    if (!accepted) {
      fault = parser.fault ?? 'more than a head';
      if (parser.fault === null)
        return result(`block ${i}: the head is not one: ${JSON.stringify(head.toString('latin1'))}`);
      continue;
    }
    if (parser.contentLength > 0) {
      fault = 'less data than content-length says'; // for the stream to find: no block here has data
      continue;
    }
    messages++;
    const finding = differenceInHead(parser, list) ?? differenceInList(list, theirs);
    if (finding !== null) return result(`block ${i}: ${finding}`);
  }
  return { finding: null, messages, fault };
}

function readOurs({ text, cuts }: Case): Block[] {
  const decoder = new HpackDecoder(new Scratch());
  const request = new RequestBlock(HEAD_BYTES_MAX);
  const blocks: Block[] = [];
  let from = 0;
  for (const end of [...cuts, text.length]) {
    const bytes = Buffer.from(text.slice(from, end), 'latin1');
    from = Math.max(from, end);
    const list: Pairs = [];
    request.begin();
    const sink = {
      field(field: Field): void {
        const { source, start, nameEnd } = field;
        const value = source.toString('latin1', valueStart(field), valueEnd(field));
        list.push([source.toString('latin1', start, nameEnd), value]);
        request.field(field);
      },
    };
    const read = decoder.decode(bytes, 0, bytes.length, sink);
    const head = request.finish();
    blocks.push({
      bytes,
      list: read ? list : null,
      fault: request.oversize ? 'oversize' : request.fault,
      head,
    });
    if (!read) break;
  }
  return blocks;
}

const newParser = (): RequestParser =>
  new RequestParser({
    headBytesMax: HEAD_BYTES_MAX,
    headersMax: 1_000,
    targetBytesMax: HEAD_BYTES_MAX,
    paths: 'decode-and-merge-slashes',
    proxy: false,
    names: new ProtectedNames([]),
  });

/** What the parsed head says that the list did not, or the other way round. */
function differenceInHead(head: RequestParser, list: Pairs): string | null {
  const of = (wanted: string): string[] => list.flatMap(([name, value]) => (name === wanted ? [value] : []));
  const [method] = of(':method');
  const [path] = of(':path');
  const [authority] = of(':authority');
  if (head.method !== method || head.target !== path)
    return `the request line says ${head.method} ${head.target}`;
  const lines: Pairs = [];
  for (let o = 0; o < head.headerCount * LINE_SLOTS; o += LINE_SLOTS) {
    const { text, lines: at } = head;
    lines.push([text.slice(at[o], at[o + 1]), text.slice(at[o + 2], at[o + 3])]);
  }
  const wanted: Pairs = authority === undefined ? [] : [['host', authority]];
  for (const pair of list) {
    const [name] = pair;
    if (name.startsWith(':') || name === 'cookie' || (name === 'host' && authority !== undefined)) continue;
    wanted.push(pair);
  }
  const cookies = of('cookie');
  // A crumb that is empty leaves a blank at the end, which is none of the value.
  if (cookies.length > 0) wanted.push(['cookie', cookies.join('; ').trimEnd()]);
  const [a, b] = [JSON.stringify(lines), JSON.stringify(wanted)];
  return a === b ? null : `the head has ${a}, the block ${b}`;
}

function differenceInList(list: Pairs, theirs: Pairs | undefined): string | null {
  if (theirs === undefined) return `accepted, nghttp2 refuses ${JSON.stringify(list)}`;
  const [a, b] = [JSON.stringify(list), JSON.stringify(theirs)];
  return a === b ? null : `fields ${a}, nghttp2 ${b}`;
}
