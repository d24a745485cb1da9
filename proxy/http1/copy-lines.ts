// Copies the lines of a head that go on. A run of kept lines is one range of bytes; a line with unusual white
// space around its value is written anew, so that no receiver can read a framing field in another way than we
// did.
import { KNOWN_HEADERS, LINE_SLOTS } from './head.ts';
import type { HeadWriter } from './head-writer.ts';

const SP = 0x20;

/** The line that stands for a transfer coding, however it was spelled. */
export const CHUNKED = Buffer.from('transfer-encoding: chunked\r\n', 'latin1');

/** Lines of a head: offsets into `source[begin, begin + length)`. */
export interface CopyableLines {
  readonly source: Buffer;
  readonly begin: number;
  readonly length: number;
  readonly text: string;
  readonly headerCount: number;
  readonly lines: Int32Array;
}

/**
 * Writes the head from offset `from` (0 = with the start line, or the start of the first line) without the
 * lines whose known id is in the set `dropped` (bits `1 << id`) or whose lower-case name is in `listed`.
 */
export function copyLines(
  writer: HeadWriter,
  head: CopyableLines,
  from: number,
  dropped: number,
  listed: readonly string[],
): void {
  const { source, begin, length, lines, headerCount } = head;
  let kept = from;
  for (let o = 0; o < headerCount * LINE_SLOTS; o += LINE_SLOTS) {
    const id = lines[o + 4] ?? 0;
    const start = lines[o] ?? 0;
    const nameEnd = lines[o + 1] ?? 0;
    const next = lines[o + LINE_SLOTS] ?? 0;
    const drop = ((dropped >>> id) & 1) !== 0 || (listed.length > 0 && isListed(listed, head, o));
    const valueStart = lines[o + 2] ?? 0;
    const valueEnd = lines[o + 3] ?? 0;
    const plain = valueStart - nameEnd === 2 && next - valueEnd === 2 && source[begin + nameEnd + 1] === SP;
    if (!drop && plain) continue;
    if (kept < start) writer.copy(source, begin + kept, begin + start);
    if (!drop)
      writer.text(`${head.text.slice(start, nameEnd)}: ${head.text.slice(valueStart, valueEnd)}\r\n`);
    kept = next;
  }
  if (kept < length) writer.copy(source, begin + kept, begin + length);
}

function isListed(listed: readonly string[], { lines, text }: CopyableLines, o: number): boolean {
  const id = lines[o + 4] ?? 0;
  const name = id > 0 ? KNOWN_HEADERS[id] : text.slice(lines[o], lines[o + 1]).toLowerCase();
  return name !== undefined && listed.includes(name);
}
