// Google's protobuf and we read the messages of the Workload API alike: those that we write, those that it
// writes, and what is left of them after bytes were changed. It may take what we refuse, never the reverse.
import { expect, test } from 'vitest';
import {
  readX509BundlesResponse,
  readX509SvidResponse,
  writeX509BundlesResponse,
  writeX509SvidResponse,
  type X509BundlesResponse,
  type X509SvidResponse,
} from '../../certs/workload-api/messages.ts';
import { MessageError } from '../../certs/workload-api/protobuf.ts';
import { run } from '../e2e/stage/foreign.ts';
import { Random } from '../fuzz/random.ts';
import { findPython } from '../requirements.ts';

const MESSAGES = 1_500;
const CHANGED = 6_000;
const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000_000);
const python = findPython('spiffe') ?? '';

/** A line for each message: what it holds, or null; and the message written by protobuf. */
const READ = `
import base64, json, sys
from google.protobuf.message import DecodeError
from spiffe._proto import workload_pb2 as w
b64 = lambda b: base64.b64encode(b).decode()
for line in sys.stdin:
    kind, body = line.split()
    m = w.X509SVIDResponse() if kind == 'svid' else w.X509BundlesResponse()
    try:
        m.ParseFromString(base64.b64decode(body[1:]))
    except DecodeError:
        print('null')
        continue
    bundles = m.federated_bundles if kind == 'svid' else m.bundles
    said = {'crls': [b64(c) for c in m.crl], 'bundles': {k: b64(v) for k, v in bundles.items()}}
    if kind == 'svid':
        said['svids'] = [[s.spiffe_id, b64(s.x509_svid), b64(s.x509_svid_key), b64(s.bundle), s.hint]
                         for s in m.svids]
    m.DiscardUnknownFields()
    print(json.dumps({'said': said, 'bytes': b64(m.SerializeToString())}))
`;

type Kind = 'svid' | 'bundles';
/** The content of a message, as JSON. */
interface Said {
  readonly bundles: Readonly<Record<string, string>>;
  readonly crls: readonly string[];
  readonly svids?: readonly (readonly string[])[];
}
type Message = { readonly kind: Kind; readonly bytes: Buffer };

/** What protobuf makes of each message. */
async function foreign(messages: readonly Message[]): Promise<({ said: Said; bytes: string } | null)[]> {
  const input = messages.map(({ kind, bytes }) => `${kind} .${bytes.toString('base64')}\n`).join('');
  const { code, out, err } = await run(python, ['-c', READ], { input, timeoutMs: 60_000 });
  expect(code, err).toBe(0);
  return out
    .trimEnd()
    .split('\n')
    .map((line): { said: Said; bytes: string } | null => JSON.parse(line));
}

const base64 = (bytes: Buffer): string => bytes.toString('base64');
const byName = (bundles: ReadonlyMap<string, Buffer>): Record<string, string> =>
  Object.fromEntries([...bundles].map(([name, der]) => [name, base64(der)]));

/** The same, by us; null when it is refused, which is the only way to refuse. */
function ours({ kind, bytes }: Message): Said | null {
  try {
    return kind === 'svid'
      ? saidOf(readX509SvidResponse(bytes))
      : saidOfBundles(readX509BundlesResponse(bytes));
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    return null;
  }
}

const saidOf = ({ svids, crls, federatedBundles }: X509SvidResponse): Said => ({
  crls: crls.map(base64),
  bundles: byName(federatedBundles),
  svids: svids.map((svid) => [
    svid.spiffeId,
    base64(svid.x509Svid),
    base64(svid.x509SvidKey),
    base64(svid.bundle),
    svid.hint,
  ]),
});
const saidOfBundles = ({ crls, bundles }: X509BundlesResponse): Said => ({
  crls: crls.map(base64),
  bundles: byName(bundles),
});

const bytesOf = (random: Random): Buffer =>
  Buffer.from(Array.from({ length: random.pick([0, 1, 5, 127, 128, 300]) }, () => random.below(256)));
const textOf = (random: Random): string =>
  random.pick(['', 'a', 'spiffe://a.example', 'ä€😀', 'x'.repeat(200)]);
const listOf = <Item>(random: Random, make: () => Item): Item[] =>
  Array.from({ length: random.below(4) }, () => make());

function written(random: Random): Message {
  const crls = listOf(random, () => bytesOf(random));
  const bundles = new Map(listOf(random, () => [textOf(random), bytesOf(random)] as const));
  if (random.chance(0.3)) return { kind: 'bundles', bytes: writeX509BundlesResponse({ crls, bundles }) };
  const svids = listOf(random, () => ({
    spiffeId: textOf(random),
    x509Svid: bytesOf(random),
    x509SvidKey: bytesOf(random),
    bundle: bytesOf(random),
    hint: textOf(random),
  }));
  return { kind: 'svid', bytes: writeX509SvidResponse({ svids, crls, federatedBundles: bundles }) };
}

/** `message` with bytes changed, added or taken away, or with something in front of it. */
function changed(random: Random, { kind, bytes }: Message): Message {
  let now = Buffer.from(bytes);
  for (let i = random.below(3); i >= 0; i--) {
    const at = random.below(now.length + 1);
    const some = Buffer.from(Array.from({ length: 1 + random.below(4) }, () => random.below(256)));
    const rest = random.pick([now.subarray(at), now.subarray(Math.min(now.length, at + some.length))]);
    now = random.chance(0.2)
      ? Buffer.from(now.subarray(0, at))
      : Buffer.concat([now.subarray(0, at), some, rest]);
  }
  return { kind, bytes: now };
}

test.runIf(python !== '')(`reads what we write, and we what it writes (SALLYPORT_SEED=${seed})`, async () => {
  const random = new Random(seed);
  const messages = Array.from({ length: MESSAGES }, () => written(random));
  const answers = await foreign(messages);
  expect(answers).toHaveLength(MESSAGES);
  for (const [i, message] of messages.entries()) {
    const answer = answers[i];
    expect(answer?.said, `${message.kind} ${message.bytes.toString('hex')}`).toEqual(ours(message));
    const back = { kind: message.kind, bytes: Buffer.from(answer?.bytes ?? '', 'base64') };
    expect(ours(back)).toEqual(ours(message));
  }
});

test.runIf(python !== '')(
  `broken messages: what we read it reads alike (SALLYPORT_SEED=${seed})`,
  async () => {
    const random = new Random(seed + 1);
    const messages = Array.from({ length: CHANGED }, () => changed(random, written(random)));
    const answers = await foreign(messages);
    let read = 0;
    for (const [i, message] of messages.entries()) {
      const own = ours(message);
      if (own === null) continue;
      read++;
      const { bundles, ...rest } = own;
      const { bundles: theirs, ...foreignRest } = answers[i]?.said ?? { bundles: {} };
      expect(foreignRest, `${message.kind} ${message.bytes.toString('hex')}`).toEqual(rest);
      // To upb, but not to Go, an entry of a map with an unknown field in it is unknown as a whole.
      expect(Object.keys(bundles)).toEqual(expect.arrayContaining(Object.keys(theirs)));
    }
    expect(read).toBeGreaterThan(CHANGED / 20);
    expect(read).toBeLessThan(CHANGED);
  },
);

test(`random bytes are read or refused, nothing else (SALLYPORT_SEED=${seed})`, () => {
  const random = new Random(seed + 2);
  for (let i = 0; i < 50_000; i++) {
    const bytes = Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)));
    ours({ kind: random.chance(0.5) ? 'svid' : 'bundles', bytes });
  }
});
