// The ids of known header names, and how they are found.
import { expect, test } from 'vitest';
import { KNOWN_HEADERS } from '../../../../proxy/http1/head.ts';
import * as known from '../../../../proxy/http1/known-headers.ts';
import { latin1 } from './parsing.ts';

const NAMES: readonly string[] = KNOWN_HEADERS;
const idOf = (name: string): number => known.knownId(latin1(name), 0, name.length);

test('every constant is the index of its name', () => {
  const constants = Object.entries(known).filter(([, value]) => typeof value === 'number');
  expect(constants).toHaveLength(NAMES.length - 1);
  for (const [constant, id] of constants) {
    expect(NAMES[Number(id)]).toBe(constant.toLowerCase().replaceAll('_', '-'));
  }
});

test('every known name is found in any case, so no two share a slot', () => {
  for (const [id, name] of NAMES.entries()) {
    if (id === 0) continue;
    expect(idOf(name), name).toBe(id);
    expect(idOf(name.toUpperCase()), name).toBe(id);
  }
});

test('one changed byte makes another name', () => {
  const tokens = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (const name of NAMES.slice(1)) {
    for (let i = 0; i < name.length; i++) {
      for (const x of tokens) {
        const other = name.slice(0, i) + x + name.slice(i + 1);
        expect(idOf(other), other).toBe(Math.max(0, NAMES.indexOf(other.toLowerCase())));
      }
    }
    expect(idOf(`${name}x`)).toBe(0);
    expect(idOf('x'.repeat(300))).toBe(0);
  }
});
