// gRPC's framing and status, the address of the socket, and the waits between attempts.
import { describe, expect, test } from 'vitest';
import { type WaitKind, waitMs } from '../../../../certs/workload-api/back-off.ts';
import { FrameReader, writeFrame } from '../../../../certs/workload-api/grpc-frames.ts';
import { readStatus, writeStatus } from '../../../../certs/workload-api/grpc-status.ts';
import { parseSocketAddress } from '../../../../certs/workload-api/socket-address.ts';
import { Random } from '../../../fuzz/random.ts';

describe('messages in pieces', () => {
  const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000_000);
  test(`any cut gives the same messages (SALLYPORT_SEED=${seed})`, () => {
    const random = new Random(seed);
    for (let turn = 0; turn < 500; turn++) {
      const messages = Array.from({ length: random.below(5) }, () => Buffer.alloc(random.below(40), turn));
      const wire = Buffer.concat(messages.map(writeFrame));
      const reader = new FrameReader(40);
      const read: Buffer[] = [];
      for (let at = 0; at < wire.length; ) {
        const end = at + 1 + random.below(12);
        read.push(...reader.push(wire.subarray(at, end)));
        at = end;
      }
      expect(read).toEqual(messages);
      expect(reader.inside).toBe(false);
    }
  });

  test('the length of a message is refused before its bytes come', () => {
    expect(new FrameReader(10).push(Buffer.of(0, 0, 0, 0, 10))).toEqual([]);
    expect(() => new FrameReader(10).push(Buffer.of(0, 0, 0, 0, 11))).toThrow('11 bytes; at most 10');
  });

  test('a message that is not complete', () => {
    const reader = new FrameReader(10);
    reader.push(Buffer.of(0, 0));
    expect(reader.inside).toBe(true);
  });
});

describe('a status', () => {
  test.each([
    { headers: {}, expect: null },
    { headers: { 'grpc-status': '0' }, expect: { code: 0, message: '' } },
    { headers: { 'grpc-status': '7', 'grpc-message': 'a%20b' }, expect: { code: 7, message: 'a b' } },
    { headers: { 'grpc-status': '7', 'grpc-message': '%E4%' }, expect: { code: 7, message: '%E4%' } },
    {
      headers: { 'grpc-status': '7', 'grpc-message': 'a%0Ab%1B[31m' },
      expect: { code: 7, message: 'a b [31m' },
    },
    { headers: { 'grpc-status': '07' }, expect: { code: 2, message: '' } },
    { headers: { 'grpc-status': '-1' }, expect: { code: 2, message: '' } },
    { headers: { 'grpc-status': '17' }, expect: { code: 2, message: '' } },
    { headers: { 'grpc-status': '' }, expect: { code: 2, message: '' } },
  ])('$headers', ({ headers, expect: status }) => expect(readStatus(headers)).toEqual(status));

  test('a long message is cut', () => {
    expect(readStatus({ 'grpc-status': '2', 'grpc-message': 'x'.repeat(9_999) })?.message).toHaveLength(256);
  });

  test.each(['', 'no identity issued', 'ä\n%'])('`%s` is read as it was written', (message) => {
    const status = { code: 7, message };
    expect(readStatus(writeStatus(status))?.message).toBe(message.replace('\n', ' '));
  });
});

describe('an address', () => {
  test.each([
    ['unix:///run/agent.sock', '/run/agent.sock'],
    ['unix:/run/agent.sock', '/run/agent.sock'],
    ['unix:///run/a%20b', '/run/a b'],
  ])('%s', (uri, path) => expect(parseSocketAddress(uri)).toEqual({ uri, path }));

  test.each([
    ['', 'does not start with `unix:/`'],
    ['/run/agent.sock', 'does not start with `unix:/`'],
    ['unix:run/agent.sock', 'does not start with `unix:/`'],
    ['unix://', 'does not name a socket'],
    ['unix://run/agent.sock', 'has more than'],
    ['unix://user@/agent.sock', 'has more than'],
    ['unix:///run/agent.sock?a=b', 'has more than'],
    ['unix:///run/agent.sock#a', 'has more than'],
    ['unix:///run/', 'does not name a socket'],
    ['unix:///', 'does not name a socket'],
    ['unix:///run/a%00b', 'does not name a socket'],
    ['unix:///run/%ff', 'bad percent-encoding'],
    [`unix:///${'x'.repeat(107)}`, 'more than 107 bytes'],
    ['tcp://127.0.0.1:8081', 'is not a Unix socket'],
    ['https://agent.example', 'does not start with `unix:/`'],
  ])('%s is refused', (uri, says) => {
    expect(() => parseSocketAddress(uri)).toThrow(
      expect.objectContaining({ code: 'ERR_WORKLOAD_API_ADDRESS' }),
    );
    expect(() => parseSocketAddress(uri)).toThrow(says);
  });
});

describe('the wait', () => {
  const rows: readonly { kind: WaitKind; most: number[]; least: number[] }[] = [
    { kind: 'away', most: [1, 2, 4, 8, 16, 30, 30], least: [1, 1, 2, 4, 8, 15, 15] },
    { kind: 'denied', most: [1, 2, 4, 5, 5], least: [1, 1, 2, 2.5, 2.5] },
    { kind: 'refused', most: [60, 60], least: [30, 30] },
  ];
  test.each(rows)('$kind', ({ kind, most, least }) => {
    expect(most.map((_, i) => waitMs(kind, i + 1, 0) / 1_000)).toEqual(most);
    expect(least.map((_, i) => waitMs(kind, i + 1, 1) / 1_000)).toEqual(least);
  });
});
