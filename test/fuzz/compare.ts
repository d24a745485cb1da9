// The property: whatever we accept, llhttp accepts and reads the same, both as it came and as we forward it.
import { KNOWN_METHODS, type Message, type Reading, readWithLlhttp } from './llhttp.ts';
import { type OurMessage, type OurReading, readOurs } from './ours.ts';

/** What is to be read: requests, or responses to a method. */
export type Kind = 'requests' | 'responses to GET' | 'responses to HEAD';

const KINDS: Readonly<Record<Kind, 'GET' | 'HEAD' | null>> = {
  requests: null,
  'responses to GET': 'GET',
  'responses to HEAD': 'HEAD',
};

const DROPPED: ReadonlySet<string> = new Set(['proxy-connection', 'upgrade']);

/** The result of one comparison. */
export interface Comparison {
  /** What is wrong, or null. */
  readonly finding: string | null;
  /** Messages that were compared. */
  readonly messages: number;
  readonly fault: string | null;
}

/** Compares the readings of `text` (latin1), ours also in pieces that end at `cuts`. */
export function compare(kind: Kind, text: string, cuts: readonly number[]): Comparison {
  const bytes = Buffer.from(text, 'latin1');
  const responsesTo = KINDS[kind];
  const ours = readOurs(bytes, [], responsesTo);
  const result = (finding: string | null): Comparison => ({
    finding,
    messages: ours.messages.length,
    fault: ours.fault,
  });
  const pieces = readOurs(bytes, cuts, responsesTo);
  const cutFinding = differenceByCuts(ours, pieces);
  if (cutFinding !== null) return result(cutFinding);
  if (ours.messages.some((message) => responsesTo === null && !KNOWN_METHODS.has(message.method)))
    return result(null);
  const theirs = readWithLlhttp(bytes, responsesTo, ours.untilClose);
  for (const [i, message] of ours.messages.entries()) {
    const other = theirs.messages[i];
    if (other === undefined && stopsLlhttp(ours, i)) return result(null);
    if (other === undefined)
      return result(`message ${i}: accepted, llhttp says ${theirs.error ?? 'it is not complete'}`);
    const finding =
      differenceInReading(message, other) ?? differenceWhenForwarded(message, other, responsesTo);
    if (finding !== null) return result(`message ${i}: ${finding}`);
  }
  return result(differenceInCount(ours, theirs));
}

/**
 * llhttp reads nothing after `Proxy-Connection: close`, which is no standard, and after any upgrade that was
 * asked for. We drop both fields and go on, and so does the application, which never sees them.
 */
function stopsLlhttp(ours: OurReading, before: number): boolean {
  return ours.messages
    .slice(0, before)
    .some(({ headers }) => headers.some(([name]) => DROPPED.has(name.toLowerCase())));
}

function differenceByCuts(whole: OurReading, pieces: OurReading): string | null {
  if (
    whole.messages.length !== pieces.messages.length ||
    (whole.fault === null) !== (pieces.fault === null)
  ) {
    const tell = ({ messages, fault }: OurReading): string => `${messages.length} messages, fault ${fault}`;
    return `in pieces ${tell(pieces)}; whole ${tell(whole)}`;
  }
  for (const [i, message] of whole.messages.entries()) {
    const other = pieces.messages[i];
    const same =
      other !== undefined &&
      JSON.stringify({ ...other, forwarded: '' }) === JSON.stringify({ ...message, forwarded: '' });
    // Sizes are written anew when a size line came in pieces, so their case may differ.
    if (!same || other.forwarded.toLowerCase() !== message.forwarded.toLowerCase())
      return `in pieces, message ${i} differs`;
  }
  return null;
}

function differenceInReading(ours: OurMessage, theirs: Message): string | null {
  if (ours.method !== theirs.method) return `method ${ours.method}, llhttp ${theirs.method}`;
  if (ours.target !== theirs.target) return `target ${ours.target}, llhttp ${theirs.target}`;
  if (ours.minor !== theirs.minor) return `minor version ${ours.minor}, llhttp ${theirs.minor}`;
  if (ours.status !== theirs.status) return `status ${ours.status}, llhttp ${theirs.status}`;
  const [a, b] = [JSON.stringify(ours.headers), JSON.stringify(theirs.headers)];
  return a === b ? null : `headers ${a}, llhttp ${b}`;
}

/** `theirs` is llhttp's reading of what came. */
function differenceWhenForwarded(
  ours: OurMessage,
  theirs: Message,
  responsesTo: 'GET' | 'HEAD' | null,
): string | null {
  const { messages, error } = readWithLlhttp(Buffer.from(ours.forwarded, 'latin1'), responsesTo, true);
  const again = messages[0];
  if (again === undefined || messages.length !== 1 || (error !== null && ours.status !== 101)) {
    return `forwarded, llhttp reads ${messages.length} messages, ${error}: ${JSON.stringify(ours.forwarded)}`;
  }
  if (again.body !== theirs.body)
    return `forwarded, the body differs: ${JSON.stringify([again.body, theirs.body])}`;
  if (JSON.stringify(again.trailers) !== JSON.stringify(theirs.trailers))
    return 'forwarded, the trailers differ';
  if (responsesTo !== null) return again.status === ours.status ? null : 'forwarded, the status differs';
  if (again.method !== ours.method || again.target !== ours.forwardTarget)
    return 'forwarded, the request line differs';
  const count = (name: string): number =>
    again.headers.filter(([other]) => other.toLowerCase() === name).length;
  if (count('host') !== 1) return `forwarded, ${count('host')} Hosts`;
  if (count('content-length') + count('transfer-encoding') > 1) return 'forwarded, framing twice';
  return count('x-forwarded-client-cert') === 1 ? null : 'forwarded, the identity header is not exactly one';
}

/**
 * Where we saw no fault and go on reading, message boundaries agree: llhttp has completed no more than we.
 */
function differenceInCount(ours: OurReading, theirs: Reading): string | null {
  if (ours.fault !== null || ours.messages.at(-1)?.last === true) return null;
  return theirs.messages.length > ours.messages.length
    ? `${ours.messages.length} messages and more to come, llhttp has ${theirs.messages.length}`
    : null;
}
