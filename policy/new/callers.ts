// Who calls, in one word of a command line: `shop/web`, `shop/*`, a SPIFFE ID, addresses, `*` or `anyone`.
import { SallyportError } from '../../core/errors.ts';
import { type Cidr, parseCidr } from '../../core/ip.ts';
import { isSpiffeIdPattern } from '../../core/spiffe-id.ts';
import type { SourceDraft } from './draft.ts';

/** Callers of one rule. */
export interface Callers {
  /** OR; empty: everybody, also without an identity. */
  readonly sources: readonly SourceDraft[];
  /** In words, for a comment. */
  readonly text: string;
  /** Part of a policy's name. */
  readonly word: string;
  /** Why an ALLOW for them is broad; empty when it is not. */
  readonly broad: readonly string[];
  /** True when everybody with an identity is among them. */
  readonly everybody: boolean;
}

interface Caller {
  readonly field: 'principals' | 'namespaces' | 'ipBlocks';
  readonly value: string;
  readonly text: string;
  readonly word: string;
  readonly broad?: string;
}

/** Prefixes shorter than this hold so many addresses that naming them names nobody. */
const BROAD_BITS = { 4: 8, 16: 16 } as const;
const HINT =
  'write NAMESPACE/ACCOUNT, NAMESPACE/*, a SPIFFE ID, an IP block, `*` (every authenticated peer) or `anyone`';

/**
 * Reads callers, several with commas. `trustDomain` is that of `NAMESPACE/ACCOUNT`.
 * @throws ERR_POLICY_NEW
 */
export function parseCallers(text: string, trustDomain: string): Callers {
  const words = text.split(',');
  if (words.includes('anyone')) {
    if (words.length > 1) throw refused(text, 'names `anyone` beside others, who are among them anyway');
    const everyone = 'everyone, also peers without identity';
    return { sources: [], text: everyone, word: 'anyone', broad: [everyone], everybody: true };
  }
  const callers = words.map((word) => parseCaller(word, trustDomain));
  const fields = ['principals', 'namespaces', 'ipBlocks'] as const;
  return {
    sources: fields.flatMap((field) => {
      const values = callers.filter((caller) => caller.field === field).map(({ value }) => value);
      return values.length === 0 ? [] : [{ [field]: [...new Set(values)] }];
    }),
    text: callers.map((caller) => caller.text).join('; '),
    word: callers[0]?.word ?? '',
    broad: callers.flatMap(({ broad }) => (broad === undefined ? [] : [broad])),
    everybody: words.includes('*'),
  };
}

function parseCaller(word: string, trustDomain: string): Caller {
  if (word === '*') {
    const text = 'every authenticated peer, of any trust domain';
    return { field: 'principals', value: '*', text, word: 'authenticated', broad: text };
  }
  if (word.startsWith('spiffe://')) return spiffeCaller(word);
  const block = parseCidr(word);
  if (block !== null) return addressCaller(word, block);
  const [namespace, account, ...more] = word.split('/');
  if (namespace === undefined || account === undefined || more.length > 0)
    throw refused(word, 'is no caller');
  if (!isName(namespace) || !(account === '*' || isName(account)))
    throw refused(word, 'has a part that is no name');
  if (account === '*') {
    const text = `every workload of namespace ${namespace}`;
    return { field: 'namespaces', value: namespace, text, word: `${namespace}-all`, broad: text };
  }
  return {
    field: 'principals',
    value: `${trustDomain}/ns/${namespace}/sa/${account}`,
    text: `service account ${account} of namespace ${namespace}`,
    word: account,
  };
}

function spiffeCaller(word: string): Caller {
  const value = word.slice('spiffe://'.length);
  if (!isSpiffeIdPattern(word)) throw refused(word, 'is no SPIFFE ID');
  const pattern = value.includes('*');
  return {
    field: 'principals',
    value,
    text: pattern ? `every peer whose ID is ${word}` : word,
    word: value.split('/').at(-1)?.replace('*', 'all') ?? value,
    ...(pattern ? { broad: `every peer whose ID is ${word}` } : {}),
  };
}

function addressCaller(word: string, { bytes, prefixLength }: Cidr): Caller {
  const text = `whoever connects from ${word}, with or without an identity`;
  const least = bytes.length === 4 ? BROAD_BITS[4] : BROAD_BITS[16];
  return {
    field: 'ipBlocks',
    value: word,
    text,
    word: word.replaceAll(/[./:]+/g, '-'),
    ...(prefixLength < least ? { broad: text } : {}),
  };
}

/** A name of Kubernetes (RFC 1123), as namespaces and service accounts have it. */
const isName = (text: string): boolean => /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(text);

const refused = (word: string, what: string): SallyportError =>
  new SallyportError('ERR_POLICY_NEW', `\`${word}\` ${what}`, { hint: HINT });
