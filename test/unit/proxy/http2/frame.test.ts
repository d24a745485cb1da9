// What we write: the bytes of RFC 9113 sections 4.1 and 6, and CONTINUATION where a block is too large.
import { describe, expect, test } from 'vitest';
import * as f from '../../../../proxy/http2/frame.ts';
import { Output } from '../../../../proxy/http2/output.ts';
import { readAsServer } from '../../../fuzz/nghttp2.ts';
import { block, hex, type Pair, taken } from './coding.ts';

describe('writes', () => {
  const rows: { name: string; write: (out: Output) => void; expect: string }[] = [
    {
      name: 'a head',
      write: (out) => f.writeFrameHead(out, 0x123456, f.DATA, 1, 0x7fff_ffff),
      expect: '123456 00 01 7fffffff',
    },
    {
      name: 'RST_STREAM',
      write: (out) => f.writeRstStream(out, 3, f.CANCEL),
      expect: '000004 03 00 00000003 00000008',
    },
    {
      name: 'WINDOW_UPDATE',
      write: (out) => f.writeWindowUpdate(out, 0, 0x7fff_ffff),
      expect: '000004 08 00 00000000 7fffffff',
    },
    { name: 'no settings', write: (out) => f.writeSettings(out, []), expect: '000000 04 00 00000000' },
    {
      name: 'settings',
      write: (out) =>
        f.writeSettings(out, [
          [f.SETTINGS_MAX_CONCURRENT_STREAMS, 100],
          [f.SETTINGS_MAX_HEADER_LIST_SIZE, 0xffff_ffff],
        ]),
      expect: '00000c 04 00 00000000 0003 00000064 0006 ffffffff',
    },
    {
      name: 'PING',
      write: (out) => f.writePing(out, Buffer.from('12345678')),
      expect: '000008 06 00 00000000 3132333435363738',
    },
    {
      name: 'GOAWAY',
      write: (out) => f.writeGoaway(out, 5, f.ENHANCE_YOUR_CALM),
      expect: '000008 07 00 00000000 00000005 0000000b',
    },
  ];
  test.each(rows)('$name, where its end makes the output grow', ({ write, expect: wanted }) => {
    const bytes = hex(wanted);
    // Every distance to the end of the memory that a frame can begin at.
    for (let room = 0; room <= bytes.length; room++) {
      const out = new Output();
      out.reserve(out.bytes.length - room);
      write(out);
      const start = out.length - bytes.length;
      expect(out.bytes.subarray(start, out.length).toString('hex'), `room ${room}`).toBe(
        bytes.toString('hex'),
      );
    }
  });

  test.each(rows)('$name', ({ write, expect: want }) => {
    const out = new Output();
    out.byte(0x2e);
    write(out);
    expect(taken(out)).toEqual(Buffer.concat([hex('2e'), hex(want)]));
  });
});

test('integers of 32 bits are not negative, those of 31 lose their first bit', () => {
  const bytes = hex('00 ffffffff');
  expect([f.readUint32(bytes, 1), f.readUint31(bytes, 1)]).toEqual([0xffff_ffff, 0x7fff_ffff]);
});

describe('a header block', () => {
  /** Frames of a block of `length` bytes, as `length flags type` of each. */
  function frames(length: number, max: number, flags: number): string[] {
    const out = new Output();
    f.writePing(out, Buffer.alloc(8));
    const at = out.length;
    f.writeFrameHead(out, 0, f.HEADERS, flags, 5);
    for (let i = 0; i < length; i++) out.byte(i);
    f.finishHeaders(out, at, max);
    const bytes = taken(out);
    const found: string[] = [];
    let total = 0;
    for (let from = at; from < bytes.length; ) {
      const size = bytes.readUIntBE(from, 3);
      found.push(`${bytes[from + 3]}:${bytes[from + 4]}:${size}`);
      expect(bytes.readUInt32BE(from + 5)).toBe(5);
      for (let i = 0; i < size; i++) expect(bytes[from + 9 + i]).toBe((total + i) & 0xff);
      total += size;
      from += 9 + size;
    }
    expect(total).toBe(length);
    return found;
  }

  const rows: { name: string; length: number; max: number; flags?: number; expect: string[] }[] = [
    { name: 'empty', length: 0, max: 16_384, expect: ['1:4:0'] },
    { name: 'small', length: 10, max: 16_384, expect: ['1:4:10'] },
    { name: 'as large as a frame', length: 16_384, max: 16_384, expect: ['1:4:16384'] },
    { name: 'a byte larger', length: 16_385, max: 16_384, expect: ['1:0:16384', '9:4:1'] },
    { name: 'two frames', length: 32_768, max: 16_384, expect: ['1:0:16384', '9:4:16384'] },
    { name: 'three frames', length: 40_000, max: 16_384, expect: ['1:0:16384', '9:0:16384', '9:4:7232'] },
    {
      name: 'END_STREAM is in the first',
      length: 20_000,
      max: 16_384,
      flags: 5,
      expect: ['1:1:16384', '9:4:3616'],
    },
    {
      name: 'a larger frame, when the peer takes it',
      length: 40_000,
      max: 65_536,
      flags: 5,
      expect: ['1:5:40000'],
    },
  ];
  test.each(rows)('$name', ({ length, max, flags = f.END_HEADERS, expect: want }) => {
    expect(frames(length, max, flags)).toEqual(want);
  });

  test('that is cut is the same to nghttp2', async () => {
    const list: Pair[] = [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'a'],
      [':path', '/'],
      ...Array.from({ length: 12 }, (_, i): Pair => [`x-${i}`, 'v'.repeat(4_000)]),
    ];
    const out = new Output();
    f.writeFrameHead(out, 0, f.HEADERS, f.END_HEADERS | f.END_STREAM, 1);
    const bytes = block(list);
    out.copy(bytes, 0, bytes.length);
    f.finishHeaders(out, 0, f.FRAME_BYTES_MAX);
    const { requests, codes } = await readAsServer([taken(out)]);
    expect({ list: requests.get(1), codes }).toEqual({ list, codes: [] });
  });
});
