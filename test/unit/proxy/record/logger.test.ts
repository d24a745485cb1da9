// The operational log: one valid line for each event, whatever is in it.
import { describe, expect, test } from 'vitest';
import { createLogger } from '../../../../proxy/record/logger.ts';
import { TestLines } from './record-samples.ts';

test('a line has time, level, message, static and given fields', () => {
  const lines = new TestLines();
  const log = createLogger({ lines, level: 'info', fields: { cluster: 'c1' } });
  log.warn('policy refused', { code: 'ERR_POLICY_FIELD', hostile: 'a"\n\x00\xff' });
  expect(lines.texts[0]?.slice(0, -1)).not.toContain('\n');
  const [line] = lines.objects;
  expect(Object.keys(line ?? {})).toEqual(['level', 'time', 'cluster', 'code', 'hostile', 'msg']);
  expect(line).toMatchObject({
    level: 'warn',
    msg: 'policy refused',
    cluster: 'c1',
    hostile: 'a"\n\x00\xff',
  });
  expect(new Date(String(line?.['time'])).getTime()).toBeGreaterThan(0);
});

test('an error keeps its code', () => {
  const lines = new TestLines();
  createLogger({ lines, level: 'info' }).error('gone', {
    err: Object.assign(new Error('no'), { code: 'ENOENT' }),
  });
  expect(lines.objects[0]).toMatchObject({ err: { type: 'Error', message: 'no', code: 'ENOENT' } });
});

describe('level', () => {
  const rows = [
    { level: 'debug', expect: 4 },
    { level: 'info', expect: 3 },
    { level: 'warn', expect: 2 },
    { level: 'error', expect: 1 },
  ] as const;
  test.each(rows)('$level writes $expect of 4', ({ level, expect: expected }) => {
    const lines = new TestLines();
    const log = createLogger({ lines, level });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect(lines.texts).toHaveLength(expected);
  });
});
