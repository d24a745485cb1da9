// The Huffman code of RFC 7541 section 5.2 and appendix B, decoded four bits at a time by a table of states.
// What we send is not Huffman-coded: it would save bytes on a loopback or a data centre's wire, for a tenth
// of the cost of a request.

/**
 * Bits of the code of each byte. The code is canonical: shorter codes first, equal lengths by value, so the
 * lengths say everything. The last one is EOS.
 */
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const EOS = 256;
/** Longest run of ones that pads the last byte (RFC 7541 section 5.2). */
const PADDING_BITS_MAX = 7;

// A step of the decoder: bits 0-7 the byte it emits, then flags, then the next state.
const EMITS = 0x100;
const FAILS = 0x200;
/** The text may end here: what was read since the last byte is padding. */
const ENDS = 0x400;
const STATE_SHIFT = 11;

/** `STEPS[state * 16 + nibble]`. */
const STEPS = buildSteps();

/**
 * Decodes `source[start, end)` into `target` from `at` on, which has room for 8/5 of the bytes; returns the
 * index after the last byte written, or -1 when the code is broken, holds EOS, or is padded with anything but
 * up to seven ones.
 */
export function decodeHuffman(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): number {
  let step = ENDS;
  let to = at;
  for (let i = start; i < end; i++) {
    const c = source[i] ?? 0;
    step = STEPS[((step >> STATE_SHIFT) << 4) | (c >> 4)] ?? FAILS;
    if ((step & EMITS) !== 0) target[to++] = step;
    if ((step & FAILS) !== 0) return -1;
    step = STEPS[((step >> STATE_SHIFT) << 4) | (c & 15)] ?? FAILS;
    if ((step & EMITS) !== 0) target[to++] = step;
    if ((step & FAILS) !== 0) return -1;
  }
  return (step & ENDS) === 0 ? -1 : to;
}

/** An inner node of the code's tree; a leaf is the byte, or EOS. */
interface Node {
  readonly state: number;
  readonly depth: number;
  /** Reached by ones alone: a prefix of EOS. */
  readonly ones: boolean;
  readonly children: [Node | number | null, Node | number | null];
}

function buildSteps(): Int32Array {
  const nodes = buildTree();
  const steps = new Int32Array(nodes.length * 16);
  for (const node of nodes) {
    for (let nibble = 0; nibble < 16; nibble++)
      steps[node.state * 16 + nibble] = stepFrom(node, nibble, nodes);
  }
  return steps;
}

function stepFrom(from: Node, nibble: number, nodes: readonly Node[]): number {
  let node = from;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = node.children[(nibble >> bit) & 1] ?? null;
    if (next === null || next === EOS) return FAILS;
    if (typeof next === 'number') {
      emitted = EMITS | next;
      node = nodes[0] as Node;
    } else node = next;
  }
  const ends = node.state === 0 || (node.ones && node.depth <= PADDING_BITS_MAX);
  return (node.state << STATE_SHIFT) | emitted | (ends ? ENDS : 0);
}

function buildTree(): Node[] {
  const root: Node = { state: 0, depth: 0, ones: true, children: [null, null] };
  const nodes = [root];
  const order = [...LENGTHS.keys()].sort((a, b) => (LENGTHS[a] ?? 0) - (LENGTHS[b] ?? 0) || a - b);
  let code = 0;
  let length = 0;
  for (const symbol of order) {
    const bits = LENGTHS[symbol] ?? 0;
    code <<= bits - length;
    length = bits;
    insert(nodes, symbol, { code, bits });
    code++;
  }
  return nodes;
}

function insert(nodes: Node[], symbol: number, { code, bits }: { code: number; bits: number }): void {
  let node = nodes[0] as Node;
  for (let bit = bits - 1; bit > 0; bit--) {
    const side = (code >> bit) & 1;
    const next = node.children[side];
    if (typeof next === 'object' && next !== null) {
      node = next;
      continue;
    }
    const made: Node = {
      state: nodes.length,
      depth: node.depth + 1,
      ones: node.ones && side === 1,
      children: [null, null],
    };
    nodes.push(made);
    node.children[side] = made;
    node = made;
  }
  node.children[code & 1] = symbol;
}
