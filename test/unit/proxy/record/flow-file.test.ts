// flows.file on a real file system: rotation, missing folders, a full disk.
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FlowFile } from '../../../../proxy/record/flow-file.ts';

let folder = '';
let problems: unknown[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-flows-'));
  problems = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (path: string): FlowFile => new FlowFile(path, (error) => problems.push(error));

test('appends to what is there', async () => {
  const path = join(folder, 'flows.jsonl');
  writeFileSync(path, '{"a":0}\n');
  const flows = file(path);
  await flows.append(['{"a":1}', '{"a":2}']);
  await flows.append(['{"a":3}']);
  await flows.close();
  expect(readFileSync(path, 'utf8')).toBe('{"a":0}\n{"a":1}\n{"a":2}\n{"a":3}\n');
  expect(flows.errors).toBe(0);
});

test('begins a new file after a rotation by rename', async () => {
  const path = join(folder, 'flows.jsonl');
  const flows = file(path);
  await flows.append(['1']);
  renameSync(path, `${path}.1`);
  await flows.append(['2']);
  await flows.append(['3']);
  renameSync(path, `${path}.2`);
  writeFileSync(path, '');
  await flows.append(['4']);
  await flows.close();
  expect(['.1', '.2', ''].map((end) => readFileSync(path + end, 'utf8'))).toEqual(['1\n', '2\n3\n', '4\n']);
});

test('begins a new file after it was removed', async () => {
  const path = join(folder, 'flows.jsonl');
  const flows = file(path);
  await flows.append(['1']);
  unlinkSync(path);
  await flows.append(['2']);
  await flows.close();
  expect(readFileSync(path, 'utf8')).toBe('2\n');
});

test('counts errors, tells the first of a row, and goes on when the cause is gone', async () => {
  const path = join(folder, 'later', 'flows.jsonl');
  const flows = file(path);
  await flows.append(['1']);
  await flows.append(['2']);
  expect(flows.errors).toBe(2);
  expect(problems).toMatchObject([{ code: 'ENOENT' }]);
  mkdirSync(join(folder, 'later'));
  await flows.append(['3']);
  await flows.close();
  expect(readFileSync(path, 'utf8')).toBe('3\n');
  rmSync(join(folder, 'later'), { recursive: true });
  await flows.append(['4']);
  expect(problems).toHaveLength(2);
});

test('a full disk costs records, not the process', async () => {
  const flows = file('/dev/full');
  await flows.append(['1']);
  await flows.append(['2']);
  expect(flows.errors).toBe(2);
  expect(problems).toMatchObject([{ code: 'ENOSPC' }]);
});
