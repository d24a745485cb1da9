// The parser of SPIFFE IDs: what it returns, and what its errors say. The grammar is in test/conformance.
import { describe, expect, test } from 'vitest';
import { SallyportError } from '../../../core/errors.ts';
import { parseSpiffeId, parseTrustDomain } from '../../../core/spiffe-id.ts';

describe('parseSpiffeId', () => {
  test.each([
    { input: 'spiffe://example.org', path: '', namespace: null, serviceAccount: null },
    { input: 'spiffe://example.org/a/B-9._', path: '/a/B-9._', namespace: null, serviceAccount: null },
    {
      input: 'spiffe://td/ns/shop/sa/web',
      path: '/ns/shop/sa/web',
      namespace: 'shop',
      serviceAccount: 'web',
    },
    {
      input: 'spiffe://td/ns/shop/sa/web/x',
      path: '/ns/shop/sa/web/x',
      namespace: null,
      serviceAccount: null,
    },
    { input: 'spiffe://td/NS/shop/sa/web', path: '/NS/shop/sa/web', namespace: null, serviceAccount: null },
    {
      input: 'spiffe://td/x/ns/shop/sa/web',
      path: '/x/ns/shop/sa/web',
      namespace: null,
      serviceAccount: null,
    },
    { input: 'spiffe://td/ns/shop/sa', path: '/ns/shop/sa', namespace: null, serviceAccount: null },
  ])('$input', ({ input, path, namespace, serviceAccount }) => {
    const id = parseSpiffeId(input);
    expect(id).toEqual({
      uri: input,
      trustDomain: input.slice(9).split('/')[0],
      path,
      namespace,
      serviceAccount,
    });
  });

  test('an error says what was wrong, without control characters and cut short', () => {
    const tooLong = () => parseSpiffeId(`spiffe://td/${'a'.repeat(3000)}`);
    expect(tooLong).toThrow('…` is not a SPIFFE ID: it is longer than 2048 bytes');
    expect(() => parseSpiffeId('spiffe://td/\u001b[31m\n')).toThrow(
      '`spiffe://td/?[31m?` is not a SPIFFE ID',
    );
  });

  test('errors carry ERR_SPIFFE_ID', () => {
    const code = (parse: () => unknown): string => {
      try {
        parse();
        return 'none';
      } catch (error) {
        return error instanceof SallyportError ? error.code : 'other';
      }
    };
    expect(code(() => parseSpiffeId('x'))).toBe('ERR_SPIFFE_ID');
    expect(code(() => parseTrustDomain('X'))).toBe('ERR_SPIFFE_ID');
  });
});
