// Addresses and headers divided into classes.
import { describe, expect, test } from 'vitest';
import { formatIp, ipInCidr, parseCidr, parseIp } from '../../../../core/ip.ts';
import { addressDimension } from '../../../../policy/algebra/address-dimension.ts';
import { hasBit } from '../../../../policy/algebra/bits.ts';
import { headerDimension } from '../../../../policy/algebra/header-dimension.ts';
import type { Condition, Matcher } from '../../../../policy/model.ts';

type Block = Extract<Matcher, { kind: 'cidr' }>;
const block = (text: string): Block => {
  const parsed = parseCidr(text);
  if (parsed === null) throw new Error(text);
  return { kind: 'cidr', text, bytes: [...parsed.bytes], prefixLength: parsed.prefixLength };
};

describe('addresses', () => {
  const rows: { name: string; blocks: string[]; expect: number }[] = [
    { name: 'no block: unknown, and one of each family', blocks: [], expect: 3 },
    { name: 'one block', blocks: ['10.0.0.0/8'], expect: 4 },
    { name: 'one in another', blocks: ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3'], expect: 6 },
    { name: 'the same twice', blocks: ['10.0.0.0/8', '10.0.0.0/8'], expect: 4 },
    { name: 'two halves leave nothing of the whole', blocks: ['0.0.0.0/1', '128.0.0.0/1'], expect: 4 },
    {
      name: 'halves of a block leave nothing of it',
      blocks: ['10.0.0.0/8', '10.0.0.0/9', '10.128.0.0/9'],
      expect: 5,
    },
    { name: 'IPv6', blocks: ['2001:db8::/32', '2001:db8::1', '::/0'], expect: 5 },
    { name: 'the end of a family', blocks: ['255.255.255.255', '0.0.0.0'], expect: 5 },
  ];
  test.each(rows)('$name', ({ blocks, expect: size }) => {
    const parsed = blocks.map(block);
    const addresses = addressDimension(parsed);
    expect(addresses.size).toBe(size);
    expect(addresses.example(0)).toBeNull();
    for (const one of parsed)
      for (let index = 1; index < size; index++) {
        const bytes = parseIp(addresses.example(index) ?? '');
        expect(bytes).not.toBeNull();
        const within = bytes !== null && ipInCidr(bytes, one);
        expect(within, `${formatIp(bytes ?? [])} in ${one.text}`).toBe(hasBit(addresses.bitsOf(one), index));
      }
  });
});

describe('a header', () => {
  const exact = (value: string): Matcher => ({ kind: 'exact', value });
  const condition = (values: Matcher[], notValues: Matcher[] = []): Condition => ({
    field: 'request.headers',
    key: 'x-a',
    name: 'when[request.headers[x-a]]',
    values,
    notValues,
  });
  const valuesOf = (conditions: Condition[], asked: Condition, action: 'ALLOW' | 'DENY'): string[] => {
    const header = headerDimension(conditions);
    if (header === null) throw new Error('too many');
    const bits = header.bitsOf(asked, action);
    return Array.from({ length: header.size }, (_, i) => i)
      .filter((i) => hasBit(bits, i))
      .map((i) => header.example(i).join(' | '));
  };
  const a = condition([exact('a')]);

  test('that ALLOW wants is there, and nothing else', () => {
    const values = valuesOf([a], a, 'ALLOW');
    expect(values).toContain('a');
    expect(values.every((value) => value === 'a')).toBe(true);
  });

  test('that DENY names is found beside others, and in a list', () => {
    const values = valuesOf([a], a, 'DENY');
    expect(values.some((value) => value.includes('|') || value.includes(','))).toBe(true);
  });

  test('that is absent satisfies what only excludes', () => {
    const none = condition([], [exact('a')]);
    expect(valuesOf([none], none, 'ALLOW')).toContain('');
    expect(valuesOf([none], none, 'DENY')).toContain('');
  });

  test('with too many answers to tell apart is left open', () => {
    const many = Array.from({ length: 40 }, (_, i) => condition([exact(`v${i}`)]));
    expect(headerDimension(many)).toBeNull();
  });
});
