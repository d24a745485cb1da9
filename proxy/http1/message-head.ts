// What request and response heads have in common: body framing (RFC 9112 section 6) and Connection (section
// 9).
import type { Reason } from '../../core/reasons.ts';
import { LINE_SLOTS } from './head.ts';
import { HeaderLines } from './header-lines.ts';
import { bits, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING } from './known-headers.ts';
import type { ProtectedNames } from './protected-names.ts';
import { everyMember, isToken, parseDecimal } from './tokens.ts';

const NO_NAMES: readonly string[] = Object.freeze([]);
const FRAMING = bits(CONTENT_LENGTH, TRANSFER_ENCODING);

export class MessageHead extends HeaderLines {
  /** 0 or 1. */
  minor = 1;
  /** -1 = absent. */
  contentLength = -1;
  chunked = false;
  /** The connection persists after this message (RFC 9112 section 9.3). */
  keepAlive = false;
  /** Lower-case members of Connection other than close and keep-alive; one shared empty array when none. */
  connectionNames: readonly string[] = NO_NAMES;

  /** Reads Content-Length and Transfer-Encoding of the lines. */
  protected readFraming(): Reason | null {
    this.contentLength = -1;
    this.chunked = false;
    const found = this.seen & FRAMING;
    if (found === 0) return null;
    // RFC 9112 section 6.3 lets a server prefer Transfer-Encoding; it is the shape of an attack, so we
    // refuse.
    if (found === FRAMING) return 'conflicting-framing';
    if (this.has(CONTENT_LENGTH)) {
      // RFC 9110 section 8.6 allows to fold identical repetitions; a list is refused too.
      if ((this.repeated & FRAMING) !== 0) return 'bad-content-length';
      const o = this.offsetOf(CONTENT_LENGTH);
      this.contentLength = parseDecimal(
        this.source,
        this.begin + this.slot(o + 2),
        this.begin + this.slot(o + 3),
      );
      return this.contentLength < 0 ? 'bad-content-length' : null;
    }
    // RFC 9112 section 6.1: HTTP/1.0 has no transfer codings.
    if (this.minor === 0 || (this.repeated & FRAMING) !== 0) return 'bad-transfer-encoding';
    const o = this.offsetOf(TRANSFER_ENCODING);
    // A tab beside the coding hides it from some parsers (llhttp among them), so it is refused as white space
    // here.
    const tab = this.text.indexOf('\t', this.slot(o + 1));
    const tabbed = tab >= 0 && tab < this.slot(o + LINE_SLOTS);
    this.chunked = !tabbed && this.valueIs(o, 'chunked');
    return this.chunked ? null : 'bad-transfer-encoding';
  }

  /** Reads every Connection line. `names` holds what it may not name. */
  protected readConnection(names: ProtectedNames): Reason | null {
    this.keepAlive = this.minor === 1;
    this.connectionNames = NO_NAMES;
    if (!this.has(CONNECTION)) return null;
    if ((this.repeated & (1 << CONNECTION)) === 0) {
      const o = this.offsetOf(CONNECTION);
      // PERF: what nearly every Connection line says, without a slice.
      if (this.valueIs(o, 'keep-alive')) {
        this.keepAlive = true;
        return null;
      }
      if (this.valueIs(o, 'close')) {
        this.keepAlive = false;
        return null;
      }
    }
    return this.readConnectionLists(names);
  }

  private readConnectionLists(names: ProtectedNames): Reason | null {
    const listed: string[] = [];
    let close = false;
    let keepAlive = false;
    const member = (text: string): boolean => {
      if (!isToken(text, 0, text.length)) return false;
      const name = text.toLowerCase();
      if (name === 'close') close = true;
      else if (name === 'keep-alive') keepAlive = true;
      else if (names.refusedInConnection(name)) return false;
      else listed.push(name);
      return true;
    };
    for (let o = 0; o < this.headerCount * LINE_SLOTS; o += LINE_SLOTS) {
      if (this.slot(o + 4) !== CONNECTION) continue;
      if (!everyMember(this.text.slice(this.slot(o + 2), this.slot(o + 3)), member))
        return 'bad-connection-header';
    }
    this.keepAlive = !close && (this.minor === 1 || keepAlive);
    if (listed.length > 0) this.connectionNames = listed;
    return null;
  }
}
