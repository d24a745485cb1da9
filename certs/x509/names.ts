// GeneralNames (RFC 5280 section 4.2.1.6) and distinguished names, as far as certificates of workloads need
// them.

import { NAMES_MAX } from '../limits.ts';
import { DerError, DerReader, TAG } from './der.ts';

/** The names of a subjectAltName, by form. */
export interface GeneralNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** 4 or 16 bytes each; 8 or 32 in name constraints. */
  readonly ipAddresses: readonly Buffer[];
  /** Forms that are present but not read: `email`, `directoryName`, `otherName`, … */
  readonly otherForms: readonly string[];
}

const OTHER_FORMS: ReadonlyMap<number, string> = new Map([
  [0xa0, 'otherName'],
  [0x81, 'email'],
  [0xa3, 'x400Address'],
  [0xa4, 'directoryName'],
  [0xa5, 'ediPartyName'],
  [0x88, 'registeredID'],
]);

/** Collects GeneralNames one at a time. */
export class NameCollector implements GeneralNames {
  readonly uris: string[] = [];
  readonly dnsNames: string[] = [];
  readonly ipAddresses: Buffer[] = [];
  readonly otherForms: string[] = [];
  #count = 0;

  /** Reads the next GeneralName of `reader`. */
  add(reader: DerReader): void {
    if (++this.#count > NAMES_MAX) throw new DerError(`more than ${NAMES_MAX} names`);
    const { tag, content } = reader.any();
    if (tag === 0x86) this.uris.push(ia5(content));
    else if (tag === 0x82) this.dnsNames.push(ia5(content));
    else if (tag === 0x87) this.ipAddresses.push(content);
    else {
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
  return names;
}

function ia5(content: Buffer): string {
  for (const byte of content) if (byte > 0x7f) throw new DerError('a name holds a byte above 0x7f');
  return content.toString('latin1');
}

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

/** A distinguished name for display, e.g. `O=sallyport, CN=web`; control characters are shown as `?`. */
export function distinguishedNameText(name: Buffer): string {
  const parts: string[] = [];
  try {
    const sets = new DerReader(name).enter(TAG.sequence);
    while (sets.peek() >= 0) {
      const set = sets.enter(TAG.set);
      while (set.peek() >= 0) {
        const attribute = set.enter(TAG.sequence);
        const oid = attribute.oid();
        parts.push(`${ATTRIBUTES.get(oid) ?? oid}=${printable(attribute.any().content.toString('utf8'))}`);
      }
    }
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
    result += code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029 ? '?' : c;
  }
  return result;
}
