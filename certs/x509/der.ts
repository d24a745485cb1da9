// A strict reader for DER (X.690): definite minimal lengths, low tags, minimal integers and OIDs, nothing
// left over. It never recurses by itself: the depth is that of the caller's schema, so nested input cannot
// exhaust the stack.

/** What is malformed. Callers turn it into a refusal; it never leaves certs. */
export class DerError extends Error {}

/** Identifier octets of the universal types used in X.509. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/**
 * Reads the elements of `bytes[start, end)` one after another. Every method throws DerError on malformed
 * input.
 */
export class DerReader {
  readonly bytes: Buffer;
  readonly end: number;
  #at: number;
  #contentStart = 0;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.end = end;
    this.#at = start;
  }

  /** The identifier octet of the next element, or -1 at the end. */
  peek(): number {
    return this.#at < this.end ? this.#byte(this.#at) : -1;
  }

  /** Refuses anything that is left. */
  finish(): void {
    if (this.#at !== this.end) throw new DerError('data is left over');
  }

  /** Enters a constructed element. */
  enter(tag: number): DerReader {
    const end = this.#skip(tag);
    return new DerReader(this.bytes, this.#contentStart, end);
  }

  /** The content of an element. The result shares memory with the input. */
  content(tag: number): Buffer {
    const end = this.#skip(tag);
    return this.bytes.subarray(this.#contentStart, end);
  }

  /** A whole element with its header. The result shares memory with the input. */
  raw(tag: number): Buffer {
    const start = this.#at;
    return this.bytes.subarray(start, this.#skip(tag));
  }

  /** The content of any element, whatever its tag. */
  any(): { tag: number; content: Buffer } {
    const tag = this.peek();
    if (tag < 0) throw new DerError('an element is missing');
    return { tag, content: this.content(tag) };
  }

  boolean(): boolean {
    const content = this.content(TAG.boolean);
    if (content.length !== 1) throw new DerError('a BOOLEAN is not one byte');
    if (content[0] !== 0 && content[0] !== 0xff) throw new DerError('a BOOLEAN is neither 00 nor ff');
    return content[0] === 0xff;
  }

  /** The two's complement bytes of an INTEGER, shown to be minimal. */
  integer(tag: number = TAG.integer): Buffer {
    const content = this.content(tag);
    const first = content[0];
    if (first === undefined) throw new DerError('an INTEGER is empty');
    const second = content[1];
    if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
      throw new DerError('an INTEGER is not minimal');
    return content;
  }

  /** A non-negative INTEGER below 2^31. */
  smallInteger(tag: number = TAG.integer): number {
    const content = this.integer(tag);
    if (content.length > 4 || (content[0] ?? 0) >= 0x80)
      throw new DerError('a small INTEGER is out of range');
    return content.readUIntBE(0, content.length);
  }

  /** A BIT STRING: its bytes and the number of unused bits, which are zero, in the last byte. */
  bits(tag: number = TAG.bitString): { bytes: Buffer; unused: number } {
    const content = this.content(tag);
    const unused = content[0];
    if (unused === undefined || unused > 7)
      throw new DerError('a BIT STRING has no valid count of unused bits');
    const bytes = content.subarray(1);
    const last = bytes[bytes.length - 1];
    if (last === undefined ? unused > 0 : (last & ((1 << unused) - 1)) !== 0)
      throw new DerError('unused bits of a BIT STRING are not zero');
    return { bytes, unused };
  }

  /** A BIT STRING of whole bytes. */
  octetAlignedBits(): Buffer {
    const { bytes, unused } = this.bits();
    if (unused !== 0) throw new DerError('a BIT STRING does not hold whole bytes');
    return bytes;
  }

  /** An OBJECT IDENTIFIER in dotted form. */
  oid(): string {
    return decodeOid(this.content(TAG.oid));
  }

  /** UTCTime or GeneralizedTime in the forms of RFC 5280 section 4.1.2.5, as Unix milliseconds. */
  time(): number {
    const tag = this.peek();
    if (tag !== TAG.utcTime && tag !== TAG.generalizedTime) throw new DerError('a time is missing');
    return decodeTime(this.content(tag), tag === TAG.utcTime ? 2 : 4);
  }

  #byte(at: number): number {
    return this.bytes[at] ?? 0;
  }

  /** Consumes one element, remembers where its content starts, returns where it ends. */
  #skip(tag: number): number {
    const start = this.#at;
    if (this.end - start < 2) throw new DerError('an element is missing or cut short');
    const found = this.#byte(start);
    if (found !== tag) throw new DerError(`tag ${hex(found)} where ${hex(tag)} is expected`);
    if ((found & 0x1f) === 0x1f) throw new DerError('a high tag number');
    let length = this.#byte(start + 1);
    let content = start + 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0) throw new DerError('an indefinite length');
      if (count > 3 || content + count > this.end) throw new DerError('a length that does not fit');
      length = this.bytes.readUIntBE(content, count);
      if (length < 0x80 || length < 2 ** (8 * (count - 1)))
        throw new DerError('a length that is not minimal');
      content += count;
    }
    if (length > this.end - content) throw new DerError('an element reaches past its parent');
    this.#contentStart = content;
    this.#at = content + length;
    return this.#at;
  }
}

const hex = (tag: number): string => `0x${tag.toString(16).padStart(2, '0')}`;

const OID_BYTES_MAX = 64;

function decodeOid(content: Buffer): string {
  if (content.length === 0 || content.length > OID_BYTES_MAX) throw new DerError('an OID of invalid length');
  if ((content[content.length - 1] ?? 0) >= 0x80) throw new DerError('an OID is cut short');
  let text = '';
  let start = 0;
  for (let i = 0; i < content.length; i++) {
    if (i === start && content[i] === 0x80) throw new DerError('an OID arc is not minimal');
    if ((content[i] ?? 0) >= 0x80) continue;
    text += text === '' ? firstArcs(readArc(content, start, i)) : `.${readArc(content, start, i)}`;
    start = i + 1;
  }
  return text;
}

const NUMBER_BYTES_MAX = 7; // 49 bits, exact in a number; UUIDs have 128

/** The base-128 number in `content[start..last]`. */
function readArc(content: Buffer, start: number, last: number): number | bigint {
  if (last - start < NUMBER_BYTES_MAX) {
    let arc = 0;
    for (let i = start; i <= last; i++) arc = arc * 128 + ((content[i] ?? 0) & 0x7f);
    return arc;
  }
  let arc = 0n;
  for (let i = start; i <= last; i++) arc = (arc << 7n) | BigInt((content[i] ?? 0) & 0x7f);
  return arc;
}

/** X.690 section 8.19.4: the first two arcs share a number; the root is 0, 1 or 2. */
function firstArcs(packed: number | bigint): string {
  if (packed < 40) return `0.${packed}`;
  if (packed < 80) return `1.${Number(packed) - 40}`;
  return `2.${typeof packed === 'bigint' ? packed - 80n : packed - 80}`;
}

function decodeTime(content: Buffer, yearDigits: 2 | 4): number {
  // YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ: seconds are there, no fraction, always GMT.
  if (content.length !== yearDigits + 11 || content[content.length - 1] !== 0x5a)
    throw new DerError('a time is not of the form YYMMDDHHMMSSZ');
  const field = (at: number, digits: number): number => {
    let value = 0;
    for (let i = at; i < at + digits; i++) {
      const digit = (content[i] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) throw new DerError('a time holds something else than digits');
      value = value * 10 + digit;
    }
    return value;
  };
  const written = field(0, yearDigits);
  const year = yearDigits === 4 ? written : written >= 50 ? 1900 + written : 2000 + written;
  const month = field(yearDigits, 2);
  const day = field(yearDigits + 2, 2);
  const hour = field(yearDigits + 4, 2);
  const minute = field(yearDigits + 6, 2);
  const second = field(yearDigits + 8, 2);
  // RFC 5280 section 4.1.2.5: dates that UTCTime can tell are told by it
  if (yearDigits === 4 && year >= 1950 && year < 2050)
    throw new DerError('a GeneralizedTime before 2050, where UTCTime belongs');
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  // Date rolls 30 February over to March; a time that does not come back as written does not exist.
  if (
    date.getUTCMonth() !== month - 1 ||
    date.getUTCDate() !== day ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  )
    throw new DerError('a time that does not exist');
  return date.getTime();
}
