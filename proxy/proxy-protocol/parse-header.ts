// The PROXY header that a trusted peer has to send first: either form, told apart by the first byte.
// Nothing is guessed: what does not begin like one of the two is no header (section 2.2, end).
import { type HeaderRead, NO_HEADER, PARTIAL, V1_PREFIX, V2_SIGNATURE } from './header.ts';
import { parseV1 } from './parse-v1.ts';
import { parseV2 } from './parse-v2.ts';

/** Reads the header at the start of `bytes`. Faults are found as early as the bytes allow. */
export function parseHeader(bytes: Buffer): HeaderRead {
  switch (bytes[0]) {
    case undefined:
      return PARTIAL;
    case V1_PREFIX[0]:
      return parseV1(bytes);
    case V2_SIGNATURE[0]:
      return parseV2(bytes);
    default:
      return NO_HEADER;
  }
}
