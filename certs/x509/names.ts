// GeneralNames (RFC 5280 section 4.2.1.6) and distinguished names, as far as certificates of workloads need
// them.

import { isUtf8 } from 'node:buffer';
import { NAMES_MAX } from '../limits.ts';
import { DerError, DerReader, TAG } from './der.ts';

/** The names of a subjectAltName, by form. */
export interface GeneralNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** 4 or 16 bytes each; 8 or 32 in name constraints. */
  readonly ipAddresses: readonly Buffer[];
  readonly emails: readonly string[];
  /** DER of each Name. */
  readonly directoryNames: readonly Buffer[];
  /** Forms that are present but not read: `otherName`, `registeredID`, … */
  readonly otherForms: readonly string[];
}

const OTHER_FORMS: ReadonlyMap<number, string> = new Map([
  [0xa0, 'otherName'],
  [0xa3, 'x400Address'],
  [0xa5, 'ediPartyName'],
  [0x88, 'registeredID'],
]);

/** Collects GeneralNames one at a time. */
export class NameCollector implements GeneralNames {
  readonly uris: string[] = [];
  readonly dnsNames: string[] = [];
  readonly ipAddresses: Buffer[] = [];
  readonly emails: string[] = [];
  readonly directoryNames: Buffer[] = [];
  readonly otherForms: string[] = [];
  #count = 0;

  /** Reads the next GeneralName of `reader`. */
  add(reader: DerReader): void {
    if (++this.#count > NAMES_MAX) throw new DerError(`more than ${NAMES_MAX} names`);
    const { tag, content } = reader.any();
    if (tag === 0x86) this.uris.push(ia5(content));
    else if (tag === 0x82) this.dnsNames.push(ia5(content));
    else if (tag === 0x81) this.emails.push(ia5(content));
    else if (tag === 0x87) this.ipAddresses.push(content);
    else if (tag === 0xa4) {
      checkDistinguishedName(content);
      this.directoryNames.push(content);
    } else {
      const form = OTHER_FORMS.get(tag);
      if (form === undefined) throw new DerError('a name of unknown form');
      this.otherForms.push(form);
    }
  }
}

/** Reads a GeneralNames sequence; an empty one is refused. */
export function readGeneralNames(value: Buffer): GeneralNames {
  const outer = new DerReader(value);
  const reader = outer.enter(TAG.sequence);
  outer.finish();
  const names = new NameCollector();
  do names.add(reader);
  while (reader.peek() >= 0);
  for (const ip of names.ipAddresses)
    if (ip.length !== 4 && ip.length !== 16) throw new DerError('an IP address is neither 4 nor 16 bytes');
  // Only the URI of a peer is believed, and its grammar is narrower still; other programs read the rest.
  for (const name of [...names.dnsNames, ...names.emails]) {
    if (name === '') throw new DerError('a name is empty');
    for (let i = 0; i < name.length; i++)
      if (name.charCodeAt(i) < 0x20 || name.charCodeAt(i) === 0x7f)
        throw new DerError('a name holds a control character');
  }
  return names;
}

function ia5(content: Buffer): string {
  for (const byte of content) if (byte > 0x7f) throw new DerError('a name holds a byte above 0x7f');
  return content.toString('latin1');
}

/** Checks the form of a Name (RFC 5280 section 4.1.2.4) and of the strings in it. @throws DerError */
export function checkDistinguishedName(name: Buffer): void {
  forEachAttribute(name, (_, tag, content) => {
    if (!isString(tag, content)) throw new DerError('a distinguished name holds an invalid string');
  });
}

/** Calls `visit` for each attribute; `set` counts the relative distinguished names. */
export function forEachAttribute(
  name: Buffer,
  visit: (oid: string, tag: number, content: Buffer, set: number) => void,
): void {
  const outer = new DerReader(name);
  const sets = outer.enter(TAG.sequence);
  outer.finish();
  for (let number = 0; sets.peek() >= 0; number++) {
    const set = sets.enter(TAG.set);
    do {
      const attribute = set.enter(TAG.sequence);
      const oid = attribute.oid();
      const { tag, content } = attribute.any();
      attribute.finish();
      visit(oid, tag, content, number);
    } while (set.peek() >= 0);
  }
}

function isString(tag: number, content: Buffer): boolean {
  if (tag === TAG.utf8String) return isUtf8(content);
  if (tag === TAG.printableString) return content.every(isPrintable);
  if (tag === TAG.bmpString) return content.length % 2 === 0;
  if (tag === TAG.ia5String) return content.every((byte) => byte < 0x80);
  return (tag & 0xe0) === 0; // others exist; what is built of parts is no string
}

/** X.680 section 41.4, and `*` and `&`, which many CAs have written and Go lets pass too. */
const isPrintable = (byte: number): boolean => byte < 0x80 && PRINTABLE.includes(String.fromCharCode(byte));

const PRINTABLE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?*&";

const ATTRIBUTES: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
]);

/** UCS-2 with the high byte first. */
export const bmpText = (content: Buffer): string => Buffer.from(content).swap16().toString('utf16le');

/** A distinguished name for display, e.g. `O=sallyport, CN=web`; control characters are shown as `?`. */
export function distinguishedNameText(name: Buffer): string {
  const parts: string[] = [];
  try {
    forEachAttribute(name, (oid, tag, content) => {
      const text = tag === TAG.bmpString ? bmpText(content) : content.toString('utf8');
      parts.push(`${ATTRIBUTES.get(oid) ?? oid}=${printable(text)}`);
    });
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return '(unreadable)';
  }
  return parts.join(', ');
}

/** `text` with every control character as `?`, cut to 200 characters: names of strangers end up in logs. */
export function printable(text: string): string {
  let result = '';
  for (const c of text.slice(0, 200)) {
    const code = c.codePointAt(0) ?? 0;
    result += isInvisible(code) ? '?' : c;
  }
  return result;
}

/** Control characters, line separators, and what hides text or turns its direction around. */
const isInvisible = (code: number): boolean =>
  code < 0x20 ||
  (code >= 0x7f && code < 0xa0) ||
  (code >= 0x200b && code <= 0x200f) ||
  (code >= 0x2028 && code <= 0x202e) ||
  (code >= 0x2060 && code <= 0x206f) ||
  code === 0xfeff;
