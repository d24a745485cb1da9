// What is read of gRPC's fields, and how an answer of ours is said to a gRPC client.
import { describe, expect, test } from 'vitest';
import type { Reason } from '../../../core/reasons.ts';
import {
  grpcResponse,
  grpcStatusIn,
  grpcStatusOf,
  grpcTrailers,
  isGrpc,
  parseGrpcStatus,
  parseGrpcTimeout,
} from '../../../proxy/grpc.ts';

describe('a call is known by its content type', () => {
  const rows = [
    { name: 'application/grpc', expect: true },
    { name: 'application/grpc+proto', expect: true },
    { name: 'Application/GRPC; charset=x', expect: true },
    { name: 'application/grpc-web', expect: false },
    { name: 'application/grpc-web+proto', expect: false },
    { name: 'application/grpcx', expect: false },
    { name: 'application/json', expect: false },
    { name: '', expect: false },
  ];
  test.each(rows)('`$name`: $expect', ({ name, expect: wanted }) => expect(isGrpc(name)).toBe(wanted));
});

describe('a deadline', () => {
  const rows = [
    { name: '1H', expect: 3_600_000 },
    { name: '2M', expect: 120_000 },
    { name: '99999999S', expect: 99_999_999_000 },
    { name: '250m', expect: 250 },
    { name: '1500u', expect: 1.5 },
    { name: '1000000n', expect: 1 },
    { name: '0S', expect: 0 },
    { name: '', expect: null },
    { name: 'S', expect: null },
    { name: '5', expect: null },
    { name: '5s', expect: null },
    { name: '-5S', expect: null },
    { name: '1.5S', expect: null },
    { name: ' 5S', expect: null },
    { name: '123456789S', expect: null },
    { name: '1e3S', expect: null },
  ];
  test.each(rows)('`$name`: $expect ms', ({ name, expect: wanted }) => {
    const read = parseGrpcTimeout(name);
    if (wanted === null || read === null) expect(read).toBe(wanted);
    else expect(read).toBeCloseTo(wanted, 6);
  });
});

describe('a status', () => {
  test.each([
    ['0', 0],
    ['16', 16],
    ['17', 2],
    ['-1', 2],
    ['', 2],
    ['x', 2],
    ['1.5', 2],
  ])('`%s` is %i', (text, status) => expect(parseGrpcStatus(text)).toBe(status));

  test.each([
    ['grpc-status: 5\r\ngrpc-message: x\r\n', 5],
    ['a: b\r\nGrpc-Status: 0\r\n', 0],
    ['x-grpc-status: 5\r\n', null],
    ['a: grpc-status: 5\r\n', null],
    ['', null],
  ])('in the lines %j is %s', (lines, status) => {
    expect(grpcStatusIn(Buffer.from(lines, 'latin1'))).toBe(status);
  });

  const answers: { reason: Reason; status: number; expect: number }[] = [
    { reason: 'default-deny', status: 403, expect: 7 },
    { reason: 'deny-rule', status: 404, expect: 12 },
    { reason: 'policy-revoked', status: 403, expect: 7 },
    { reason: 'grpc-deadline', status: 504, expect: 4 },
    { reason: 'upstream-timeout', status: 504, expect: 4 },
    { reason: 'upstream-connect-timeout', status: 504, expect: 14 },
    { reason: 'upstream-refused', status: 503, expect: 14 },
    { reason: 'upstream-reset', status: 502, expect: 14 },
    { reason: 'body-too-large', status: 413, expect: 8 },
    { reason: 'head-too-large', status: 431, expect: 8 },
    { reason: 'bad-path', status: 400, expect: 13 },
    { reason: 'internal-error', status: 500, expect: 2 },
  ];
  test.each(answers)('of $reason with $status is $expect', ({ reason, status, expect: wanted }) => {
    expect(grpcStatusOf(reason, status)).toBe(wanted);
  });
});

test('a refusal is a response of one header block, or the trailers of one that was begun', () => {
  const refusal = { grpcStatus: 7, message: 'default-deny', requestId: 'r1' };
  expect(grpcResponse(refusal)).toBe(
    'HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\nx-request-id: r1\r\n' +
      'grpc-status: 7\r\ngrpc-message: default-deny\r\n\r\n',
  );
  expect(grpcTrailers(refusal)).toBe('grpc-status: 7\r\ngrpc-message: default-deny\r\n');
});
