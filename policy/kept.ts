// The last good version of a set of policies, in a form that the proxy keeps without knowing it: the loader
// process reads it again when a later version is refused.
import { deserialize, serialize } from 'node:v8';
import type { Policy } from './model.ts';

/** Below it compressing saves less memory than its code costs time at the start. */
const PLAIN_BYTES_MAX = 131_072;
// The first byte tells what follows.
const PLAIN = Buffer.of(0);
const DEFLATED = Buffer.of(1);

/** Serializes; compresses what is large. */
export async function toKept(policies: readonly Policy[]): Promise<Uint8Array> {
  const bytes = serialize(policies);
  if (bytes.length <= PLAIN_BYTES_MAX) return Buffer.concat([PLAIN, bytes]);
  const { deflateRawSync } = await import('node:zlib');
  return Buffer.concat([DEFLATED, deflateRawSync(bytes)]);
}

/** What `toKept` of an earlier load got. */
export async function fromKept(kept: Uint8Array): Promise<readonly Policy[]> {
  let bytes = kept.subarray(1);
  if (kept[0] === DEFLATED[0]) bytes = (await import('node:zlib')).inflateRawSync(bytes);
  const policies: readonly Policy[] = deserialize(bytes);
  return policies;
}
