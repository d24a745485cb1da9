// Copies the lines of a head that go on. Runs of kept lines are one slice each; a line with unusual white
// space around its value is written anew, so that no receiver can read a framing field in another way than we
// did.
import { KNOWN_HEADERS, LINE_SLOTS } from './head.ts';

const SP = 0x20;

/** Lines of a head, with offsets into its text. */
export interface CopyableLines {
  readonly text: string;
  readonly headerCount: number;
  readonly lines: Int32Array;
}

/**
 * Text from `from` (0 = with the start line, or the start of the first line) without the lines whose known id
 * is in the set `dropped` (bits `1 << id`) or whose lower-case name is in `listed`.
 */
export function copyLines(
  head: CopyableLines,
  from: number,
  dropped: number,
  listed: readonly string[],
): string {
  const { text, lines, headerCount } = head;
  let out = '';
  let kept = from;
  for (let o = 0; o < headerCount * LINE_SLOTS; o += LINE_SLOTS) {
    const id = lines[o + 4] ?? 0;
    const start = lines[o] ?? 0;
    const nameEnd = lines[o + 1] ?? 0;
    const next = lines[o + LINE_SLOTS] ?? 0;
    const drop =
      ((dropped >>> id) & 1) !== 0 || (listed.length > 0 && isListed(listed, text, start, nameEnd, id));
    const valueStart = lines[o + 2] ?? 0;
    const valueEnd = lines[o + 3] ?? 0;
    const plain = valueStart - nameEnd === 2 && next - valueEnd === 2 && text.charCodeAt(nameEnd + 1) === SP;
    if (!drop && plain) continue;
    if (kept < start) out += text.slice(kept, start);
    if (!drop) out += `${text.slice(start, nameEnd)}: ${text.slice(valueStart, valueEnd)}\r\n`;
    kept = next;
  }
  // PERF: `+=` makes a rope; the socket's one latin1 write flattens it.
  return kept < text.length ? out + text.slice(kept) : out;
}

function isListed(listed: readonly string[], text: string, start: number, end: number, id: number): boolean {
  const name = id > 0 ? KNOWN_HEADERS[id] : text.slice(start, end).toLowerCase();
  return name !== undefined && listed.includes(name);
}
