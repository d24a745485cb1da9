// Points of the accepted curves: every key that OpenSSL makes lies on its curve, and nothing beside it does.
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { CURVES, isOnCurve } from '../../../../certs/x509/curves.ts';

const NAMES = { 'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1' } as const;

describe.each([...CURVES.values()])('$name', (curve) => {
  const namedCurve = Object.entries(NAMES).find(([name]) => name === curve.name)?.[1] ?? '';
  const point = (): Buffer => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve });
    return publicKey.export({ format: 'der', type: 'spki' }).subarray(-(1 + 2 * curve.bytes));
  };

  test('has the points that OpenSSL makes', () => {
    for (let i = 0; i < 50; i++) expect(isOnCurve(curve, point())).toBe(true);
  });

  test('has none with a bit changed', () => {
    const good = point();
    for (let byte = 0; byte < good.length; byte++) {
      const bad = Buffer.from(good);
      bad[byte] = (bad[byte] ?? 0) ^ 1;
      expect(isOnCurve(curve, bad)).toBe(false);
    }
  });

  test.each([
    { name: 'nothing', bytes: Buffer.alloc(0) },
    { name: 'infinity', bytes: Buffer.of(0) },
    { name: 'zeros', bytes: Buffer.concat([Buffer.of(4), Buffer.alloc(2 * curve.bytes)]) },
    { name: 'ones', bytes: Buffer.concat([Buffer.of(4), Buffer.alloc(2 * curve.bytes, 0xff)]) },
    { name: 'half a point', bytes: Buffer.concat([Buffer.of(4), Buffer.alloc(curve.bytes)]) },
  ])('refuses $name', ({ bytes }) => expect(isOnCurve(curve, bytes)).toBe(false));
});
