// The curves of EC keys that are accepted (RFC 5480 section 2.1.1.1, SEC 2), and whether a point lies on one:
// OpenSSL would ask too, but only when it loads a key, which takes ten times as long.

/** y² = x³ - 3x + b over the integers modulo p. */
export interface Curve {
  readonly name: string;
  readonly bytes: number;
  readonly p: bigint;
  readonly b: bigint;
}

/** By the OID of their parameters. */
export const CURVES: ReadonlyMap<string, Curve> = new Map([
  [
    '1.2.840.10045.3.1.7',
    {
      name: 'P-256',
      bytes: 32,
      p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
      b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    },
  ],
  [
    '1.3.132.0.34',
    {
      name: 'P-384',
      bytes: 48,
      p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
      b: BigInt(
        '0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef',
      ),
    },
  ],
  [
    '1.3.132.0.35',
    {
      name: 'P-521',
      bytes: 66,
      p: 2n ** 521n - 1n,
      b: BigInt(
        '0x051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00',
      ),
    },
  ],
]);

/** True for an uncompressed point (SEC 1 section 2.3.3) of the curve. */
export function isOnCurve({ bytes, p, b }: Curve, point: Buffer): boolean {
  if (point.length !== 1 + 2 * bytes || point[0] !== 4) return false;
  const x = BigInt(`0x${point.toString('hex', 1, 1 + bytes)}`);
  const y = BigInt(`0x${point.toString('hex', 1 + bytes)}`);
  if (x >= p || y >= p) return false;
  return (y * y - x * (x * x - 3n) - b) % p === 0n;
}
