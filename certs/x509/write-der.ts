// Writing the little DER (X.690) that a certificate request needs, without node-forge: what runs in a proxy
// asks for certificates, it does not make them (docs/issuer-client.md has the figures).

/** One element: identifier octet, minimal definite length, content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag, ...lengthOctets(body.length)), body]);
}

/** A BIT STRING of whole octets. */
export const bitString = (bytes: Uint8Array): Buffer => element(0x03, Buffer.of(0), bytes);

/** An OBJECT IDENTIFIER from its arcs, the first two joined as X.690 section 8.19.4 says. */
export function objectIdentifier(first: number, second: number, ...rest: readonly number[]): Buffer {
  return element(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** X.690 section 8.1.3: one octet below 128, else the count of the octets that follow. */
function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) octets.unshift(rest & 0xff);
  return [0x80 | octets.length, ...octets];
}

function base128(arc: number): number[] {
  const digits = [arc & 0x7f];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
    digits.unshift(0x80 | (rest & 0x7f));
  return digits;
}
