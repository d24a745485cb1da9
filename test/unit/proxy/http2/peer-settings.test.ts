// The peer's SETTINGS: RFC 9113 section 6.5.2.
import { describe, expect, test } from 'vitest';
import * as f from '../../../../proxy/http2/frame.ts';
import { PeerSettings } from '../../../../proxy/http2/peer-settings.ts';
import { hex } from './coding.ts';

const DEFAULTS = {
  windowBytes: 65_535,
  frameBytesMax: 16_384,
  streamsMax: Number.POSITIVE_INFINITY,
  headerTableBytes: 4_096,
};

function take(payload: string): { settings: PeerSettings; code: number | null } {
  const settings = new PeerSettings();
  const bytes = Buffer.concat([hex('ffff'), hex(payload), hex('0004 ffffffff')]);
  const fault = settings.take(bytes, 2, bytes.length - 6);
  return { settings, code: fault?.code ?? null };
}

test('before anything was said', () =>
  expect(new PeerSettings()).toMatchObject({ ...DEFAULTS, known: false }));

describe('are taken', () => {
  const rows: { name: string; payload: string; expect: object }[] = [
    { name: 'none', payload: '', expect: {} },
    { name: 'HEADER_TABLE_SIZE of nothing', payload: '0001 00000000', expect: { headerTableBytes: 0 } },
    {
      name: 'the largest HEADER_TABLE_SIZE',
      payload: '0001 ffffffff',
      expect: { headerTableBytes: 0xffff_ffff },
    },
    { name: 'ENABLE_PUSH 0', payload: '0002 00000000', expect: {} },
    { name: 'ENABLE_PUSH 1', payload: '0002 00000001', expect: {} },
    { name: 'MAX_CONCURRENT_STREAMS 0', payload: '0003 00000000', expect: { streamsMax: 0 } },
    { name: 'MAX_CONCURRENT_STREAMS', payload: '0003 00000064', expect: { streamsMax: 100 } },
    { name: 'INITIAL_WINDOW_SIZE 0', payload: '0004 00000000', expect: { windowBytes: 0 } },
    {
      name: 'the largest INITIAL_WINDOW_SIZE',
      payload: '0004 7fffffff',
      expect: { windowBytes: 0x7fff_ffff },
    },
    { name: 'the smallest MAX_FRAME_SIZE', payload: '0005 00004000', expect: { frameBytesMax: 16_384 } },
    { name: 'the largest MAX_FRAME_SIZE', payload: '0005 00ffffff', expect: { frameBytesMax: 16_777_215 } },
    { name: 'MAX_HEADER_LIST_SIZE', payload: '0006 00000000', expect: {} },
    { name: 'an unknown one', payload: '00ff 12345678', expect: {} },
    { name: 'a reserved one', payload: '0000 ffffffff', expect: {} },
    { name: 'an identifier of two bytes', payload: '0104 00000000', expect: {} },
    { name: 'the last of two', payload: '0004 00000001 0004 00000002', expect: { windowBytes: 2 } },
    {
      name: 'a table size, and a smaller one before it',
      payload: '0001 00000000 0001 00001000',
      expect: { headerTableBytes: 4_096, headerTableBytesLeast: 0 },
    },
    {
      name: 'several',
      payload: '0003 00000001 0004 00000002 0005 00008000',
      expect: { streamsMax: 1, windowBytes: 2, frameBytesMax: 32_768 },
    },
  ];
  test.each(rows)('$name', ({ payload, expect: want }) => {
    const { settings, code } = take(payload);
    expect(code).toBeNull();
    expect(settings).toMatchObject({ ...DEFAULTS, ...want, known: true });
  });
});

describe('are refused', () => {
  const rows: { name: string; payload: string; code: number }[] = [
    { name: 'ENABLE_PUSH 2', payload: '0002 00000002', code: f.PROTOCOL_ERROR },
    { name: 'ENABLE_PUSH of all bits', payload: '0002 ffffffff', code: f.PROTOCOL_ERROR },
    { name: 'INITIAL_WINDOW_SIZE 2^31', payload: '0004 80000000', code: f.FLOW_CONTROL_ERROR },
    { name: 'INITIAL_WINDOW_SIZE of all bits', payload: '0004 ffffffff', code: f.FLOW_CONTROL_ERROR },
    { name: 'MAX_FRAME_SIZE 0', payload: '0005 00000000', code: f.PROTOCOL_ERROR },
    { name: 'MAX_FRAME_SIZE 2^14 - 1', payload: '0005 00003fff', code: f.PROTOCOL_ERROR },
    { name: 'MAX_FRAME_SIZE 2^24', payload: '0005 01000000', code: f.PROTOCOL_ERROR },
    { name: 'a bad one behind good ones', payload: '0003 00000001 0005 00000001', code: f.PROTOCOL_ERROR },
  ];
  test.each(rows)('$name', ({ payload, code }) => {
    expect(take(payload).code).toBe(code);
    expect(take(payload).settings.known).toBe(false);
  });
});
