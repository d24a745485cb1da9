// Which texts a field can have when it reaches a policy: what the proxy refuses before, nobody needs to
// decide about.
import { canonicalPath } from '../../core/path.ts';
import type { Universe } from './language.ts';

const LOWER = 'xyzabcdefghijklmnopqrstuvw';
const UPPER = 'XYZABCDEFGHIJKLMNOPQRSTUVW';
const DIGITS = '1234567890';
const VISIBLE = Array.from({ length: 94 }, (_, i) => String.fromCharCode(0x21 + i)).join('');
const DOT = 0x2e;
const SLASH = 0x2f;
const PERCENT = 0x25;

const dead = -1;
const isIn = (characters: string): ((code: number) => boolean) => {
  const codes = new Set([...characters].map((character) => character.charCodeAt(0)));
  return (code) => codes.has(code);
};

/** A text of at least one of these characters. */
function textOf(alphabet: string): Universe {
  const known = isIn(alphabet);
  return {
    groups: [alphabet],
    start: 0,
    step: (_, code) => (known(code) ? 1 : dead),
    accepts: (state) => state === 1,
  };
}

/** RFC 9110 section 9.1: a token. */
export const METHODS: Universe = textOf(`${UPPER}${LOWER}${DIGITS}-_.!#$%&'*+^\`|~`);

/** RFC 6066 section 3: a DNS name, which nobody checks; in lower case, as the proxy makes it. */
export const SERVER_NAMES: Universe = {
  groups: [LOWER + DIGITS],
  start: 0,
  step: (_, code) => (code > 0x20 && code <= 0xff && !(code >= 0x41 && code <= 0x5a) ? 1 : dead),
  accepts: (state) => state === 1,
};

/** A field value (RFC 9110 section 5.5): bytes without controls, and without blanks around them. */
export const HEADER_VALUES: Universe = {
  groups: [LOWER + UPPER + DIGITS],
  start: 0,
  step(state, code) {
    if (code === 0x20 || code === 0x09) return state === 0 ? dead : 2;
    return code > 0x20 && code <= 0xff && code !== 0x7f ? 1 : dead;
  },
  accepts: (state) => state !== 2,
};

// A SPIFFE ID without its scheme (SPIFFE-ID sections 2.1 and 2.2): trust domain, then at least one segment.
const PEER = { domain: 0, inDomain: 1, segment: 2, dot: 3, dots: 4, inSegment: 5 } as const;
const isDomainCharacter = isIn(`${LOWER}${DIGITS}.-_`);
const isSegmentCharacter = isIn(`${LOWER}${UPPER}${DIGITS}.-_`);

export const PEERS: Universe = {
  groups: [`${LOWER}${DIGITS}-_`, '/'],
  start: PEER.domain,
  step(state, code) {
    if (state === PEER.domain || state === PEER.inDomain) {
      if (code === SLASH) return state === PEER.inDomain ? PEER.segment : dead;
      return isDomainCharacter(code) ? PEER.inDomain : dead;
    }
    if (code === SLASH) return state === PEER.inSegment ? PEER.segment : dead;
    if (!isSegmentCharacter(code)) return dead;
    if (code === DOT && state === PEER.segment) return PEER.dot;
    return code === DOT && state === PEER.dot ? PEER.dots : PEER.inSegment;
  },
  accepts: (state) => state === PEER.inSegment,
};

/**
 * Peers but for those of `trustDomains`: names that stand for the local trust domain have no bundle, so
 * nobody can prove to be of them.
 */
export function peersWithout(trustDomains: readonly string[]): Universe {
  const prefixes = trustDomains.map((name) => `${name}/`);
  // The states of PEERS, beside how much of a prefix was read: -1 when it is none of them.
  const beginnings = [
    ...new Set(prefixes.flatMap((prefix) => [...prefix].map((_, i) => prefix.slice(0, i)))),
  ];
  const states = beginnings.length + 1;
  return {
    groups: PEERS.groups,
    start: PEERS.start * states + beginnings.indexOf('') + 1,
    step(state, code) {
      const next = PEERS.step(Math.floor(state / states), code);
      const read = beginnings[(state % states) - 1];
      if (next === dead || read === undefined) return next === dead ? dead : next * states;
      const text = read + String.fromCharCode(code);
      return prefixes.includes(text) ? dead : next * states + beginnings.indexOf(text) + 1;
    },
    accepts: (state) => PEERS.accepts(Math.floor(state / states)),
  };
}

// A path in canonical form (core/path.ts). Escapes: 16 states for the first digit, apart after a dot segment,
// where `%3B` would end it.
const PATH = { start: 0, segment: 1, dot: 2, dots: 3, inSegment: 4, escape: 5, dotEscape: 6, digits: 16 };
const HEX = '0123456789ABCDEF';
const isPathCharacter = isIn([...VISIBLE].filter((c) => !'"#%/<>?[\\]^`{|}'.includes(c)).join(''));
/** By value: whether `%XX` stands in canonical paths. */
const CANONICAL_ESCAPES: readonly boolean[] = Array.from({ length: 256 }, (_, value) => {
  const path = `/x%${value.toString(16).toUpperCase().padStart(2, '0')}`;
  const read = canonicalPath(path, 'reject');
  return read.fault === null && !read.changed;
});

export const PATHS: Universe = {
  groups: [`${LOWER}${DIGITS}-_~${UPPER}`, '/'],
  start: PATH.start,
  step(state, code) {
    if (state === PATH.start) return code === SLASH ? PATH.segment : dead;
    if (state >= PATH.digits) {
      const digit = HEX.indexOf(String.fromCharCode(code));
      const value = ((state - PATH.digits) >> 1) * 16 + digit;
      if (digit < 0 || CANONICAL_ESCAPES[value] !== true) return dead;
      return (state & 1) === 1 && value === 0x3b ? dead : PATH.inSegment;
    }
    if (state === PATH.escape || state === PATH.dotEscape) {
      const digit = HEX.indexOf(String.fromCharCode(code));
      return digit < 0 ? dead : PATH.digits + digit * 2 + (state === PATH.dotEscape ? 1 : 0);
    }
    const dots = state === PATH.dot || state === PATH.dots;
    if (code === SLASH) return state === PATH.inSegment ? PATH.segment : dead;
    if (code === PERCENT) return dots ? PATH.dotEscape : PATH.escape;
    if (!isPathCharacter(code) || (dots && code === 0x3b)) return dead;
    if (code === DOT && state === PATH.segment) return PATH.dot;
    return code === DOT && state === PATH.dot ? PATH.dots : PATH.inSegment;
  },
  accepts: (state) => state === PATH.segment || state === PATH.inSegment,
};

// `name`, `name:port`, `[address]`, `[address]:port` or nothing (RFC 9110 section 7.2), in lower case.
const HOST = { start: 0, name: 1, address: 2, closed: 3, colon: 4, port: 5, zero: 6 } as const;
const isNameCharacter = isIn(`${LOWER}${DIGITS}.-_~!$&'()*+,;=%`);
const isAddressCharacter = isIn('0123456789abcdef:.');

export const HOSTS: Universe = {
  groups: [`${LOWER}.-_~`, DIGITS, ':', '[', ']'],
  start: HOST.start,
  step(state, code) {
    const character = String.fromCharCode(code);
    if (state === HOST.address)
      return character === ']' ? HOST.closed : isAddressCharacter(code) ? HOST.address : dead;
    if (state === HOST.start && character === '[') return HOST.address;
    if ((state === HOST.name || state === HOST.closed) && character === ':') return HOST.colon;
    if (state === HOST.start || state === HOST.name) return isNameCharacter(code) ? HOST.name : dead;
    const digit = code >= 0x30 && code <= 0x39;
    if (state === HOST.colon && code === 0x30) return HOST.zero;
    if (state === HOST.colon) return digit ? HOST.port : dead;
    return state === HOST.port && digit ? HOST.port : dead;
  },
  accepts: (state) => state !== HOST.address && state !== HOST.colon,
};
