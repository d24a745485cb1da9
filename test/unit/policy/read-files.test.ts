// Policy files from disk: order, what is passed over, and clear errors.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readPolicyFiles } from '../../../policy/read-files.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-policies-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('folders', () => {
  test('are read recursively for .yaml, .yml and .json, sorted, without dot files', async () => {
    await mkdir(join(folder, 'b'));
    await mkdir(join(folder, '.git'));
    for (const name of ['c.yaml', 'a.yml', 'b/x.json', 'b/notes.md', '.git/y.yaml', '.hidden.yaml'])
      await writeFile(join(folder, name), name);
    const { files, notices } = await readPolicyFiles(['.'], folder);
    expect(files).toEqual(['a.yml', 'b/x.json', 'c.yaml'].map((name) => ({ file: name, text: name })));
    expect(notices).toEqual([]);
  });

  test('of Kubernetes volumes are read once, through their links', async () => {
    await mkdir(join(folder, '..2026'));
    await writeFile(join(folder, '..2026/p.yaml'), 'p');
    await symlink('..2026', join(folder, '..data'));
    await symlink('..data/p.yaml', join(folder, 'p.yaml'));
    expect((await readPolicyFiles([folder])).files.map(({ text }) => text)).toEqual(['p']);
  });

  test('without policy files are a notice', async () => {
    const { files, notices } = await readPolicyFiles([folder]);
    expect(files).toEqual([]);
    expect(notices).toMatchObject([{ severity: 'notice', code: 'LINT_POLICY_EMPTY_FOLDER' }]);
  });

  test('that contain themselves end', async () => {
    await symlink('.', join(folder, 'loop'));
    await expect(readPolicyFiles([folder])).rejects.toMatchObject({ code: 'ERR_POLICY_FILE' });
  });
});

describe('files', () => {
  test('named directly are read whatever their name', async () => {
    await writeFile(join(folder, 'policy.txt'), 'x');
    expect((await readPolicyFiles(['policy.txt'], folder)).files).toEqual([
      { file: 'policy.txt', text: 'x' },
    ]);
  });

  test.each([
    { name: 'missing', file: 'none.yaml', says: 'does not exist' },
    { name: 'not UTF-8', file: 'latin1.yaml', says: 'not UTF-8' },
    { name: 'below a file', file: 'latin1.yaml/x', says: 'ENOTDIR' },
  ])('refused: $name', async ({ file, says }) => {
    await writeFile(join(folder, 'latin1.yaml'), Buffer.from([0x61, 0xe9]));
    await expect(readPolicyFiles([file], folder)).rejects.toThrow(says);
  });
});
