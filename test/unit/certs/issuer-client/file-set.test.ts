// A set of files is the old one or the new one, wherever a write is cut off; and what is kept is read back
// with the same verification as everything else.
import {
  chmodSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import {
  fileSets,
  type SetAccess,
  type SetFile,
  writeFileSet,
} from '../../../../certs/issuer-client/file-set.ts';
import { type KeptSet, keepSet, loadKept } from '../../../../certs/issuer-client/kept-set.ts';
import { ID } from '../make-certificate.ts';

const ACCESS = { folderMode: 0o755, gid: null };
const file = (name: string, text: string, mode = 0o644): SetFile => ({ name, text, mode });

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-set-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const read = (name: string): string => readFileSync(join(dir, name), 'utf8');

describe('a set of files', () => {
  test('is replaced by one rename, and the one before stays', async () => {
    for (const n of [1, 2, 3, 4]) await writeFileSet(dir, [file('a', `a${n}`), file('b/c', `c${n}`)], ACCESS);
    expect([read('a'), read('b/c')]).toEqual(['a4', 'c4']);
    expect(readlinkSync(join(dir, 'a'))).toBe('..data/a');
    expect(readlinkSync(join(dir, '..data'))).toBe('..set-000004');
    expect(readdirSync(dir).sort()).toEqual(['..data', '..set-000003', '..set-000004', 'a', 'b']);
    expect((await fileSets(dir)).map((path) => path.slice(-6))).toEqual(['000004', '000003']);
  });

  test('has its modes whatever the umask', async () => {
    const before = process.umask(0o077);
    try {
      await writeFileSet(dir, [file('key', 'k', 0o640), file('f/x', 'x')], ACCESS);
    } finally {
      process.umask(before);
    }
    const mode = (name: string): number => statSync(join(dir, name)).mode & 0o777;
    expect([mode('key'), mode('f/x'), mode('f'), mode('..data/')]).toEqual([0o640, 0o644, 0o755, 0o755]);
  });

  test('loses the names that it has no more, and nobody else’s', async () => {
    await writeFileSet(dir, [file('a', '1'), file('crl', '1')], ACCESS);
    writeFileSync(join(dir, 'mine'), 'x');
    symlinkSync('mine', join(dir, 'link'));
    await writeFileSet(dir, [file('a', '2')], ACCESS);
    expect(readdirSync(dir).sort()).toEqual(['..data', '..set-000001', '..set-000002', 'a', 'link', 'mine']);
  });

  test.each([
    { name: 'a folder that was begun', leave: () => mkdirSync(join(dir, '..set-000002')) },
    {
      name: 'a link that was not yet renamed',
      leave: () => symlinkSync('..set-000009', join(dir, '..data_next')),
    },
    { name: 'a folder of another kind', leave: () => mkdirSync(join(dir, '..set-x')) },
  ])('is written over $name', async ({ leave }) => {
    await writeFileSet(dir, [file('a', '1')], ACCESS);
    leave();
    expect(read('a')).toBe('1');
    await writeFileSet(dir, [file('a', '2')], ACCESS);
    await writeFileSet(dir, [file('a', '3')], ACCESS);
    expect(read('a')).toBe('3');
  });

  test.each<{ name: string; harm: () => void; files: SetFile[]; access?: SetAccess }>([
    { name: 'a file', harm: () => undefined, files: [file('a', '2'), file(`b/${'x'.repeat(300)}`, '2')] },
    { name: 'the link', harm: () => void mkdirSync(join(dir, '..data_next')), files: [file('a', '2')] },
    {
      name: 'its group',
      harm: () => undefined,
      files: [file('a', '2')],
      access: { ...ACCESS, gid: 2 ** 33 },
    },
  ])('that fails at $name leaves nothing of itself', async ({ harm, files, access = ACCESS }) => {
    await writeFileSet(dir, [file('a', '1')], ACCESS);
    harm();
    const before = readdirSync(dir);
    for (let i = 0; i < 3; i++) await expect(writeFileSet(dir, files, access)).rejects.toThrow();
    expect(readdirSync(dir)).toEqual(before);
    expect(read('a')).toBe('1');
  });

  test('a reader who resolved the link before sees one set', async () => {
    await writeFileSet(dir, [file('a', '1'), file('b', '1')], ACCESS);
    const [held = ''] = await fileSets(dir);
    const first = readFileSync(join(held, 'a'), 'utf8');
    await writeFileSet(dir, [file('a', '2'), file('b', '2')], ACCESS);
    expect(first).toBe(readFileSync(join(held, 'b'), 'utf8'));
  });
});

describe('what is kept', () => {
  let ca: Authority;
  let sets: readonly [KeptSet, KeptSet];
  beforeAll(async () => {
    ca = await createAuthority({ trustDomain: 'example.org' });
    sets = [await make(1), await make(2)];
  });
  const make = async (sequence: number, ttlMs = 3_600_000): Promise<KeptSet> => {
    const nowMs = sequence === 0 ? Date.now() - 7_200_000 : Date.now();
    const svid = await ca.issue({ spiffeId: ID, ttlMs, nowMs });
    return {
      svidPem: svid.chainPem,
      keyPem: svid.privateKeyPem ?? '',
      bundlePem: ca.certificatePem,
      crlPem: '',
      federated: new Map([['b.example', ca.certificatePem.replaceAll('\n\n', '\n')]]),
      sequence,
      nextRenewalMs: 1_000 + sequence,
      spentToken: 'abc',
    };
  };
  const load = () => loadKept(dir, 'example.org', Date.now());

  test('comes back as it was, for its owner alone', async () => {
    const [set] = sets;
    await keepSet(dir, set);
    expect(await load()).toMatchObject({ set, verified: { spiffeId: { uri: ID } } });
    const modes = ['', '..data/', 'key.pem', 'svid.pem', 'bundle.pem', 'crl.pem', 'state.json'];
    expect(modes.map((name) => statSync(join(dir, name)).mode & 0o077)).toEqual(modes.map(() => 0));
  });

  test('is nothing at first', async () => {
    expect(await load()).toBeNull();
    expect(await loadKept(join(dir, 'nowhere'), 'example.org', 0)).toBeNull();
  });

  // In a folder where others may write, they would otherwise say which CA this workload believes.
  const PLANTED: readonly { name: string; plant: () => void }[] = [
    { name: 'of another user', plant: () => lchownSync(realpathSync(join(dir, '..data')), 12_345, -1) },
    { name: 'that everybody may write', plant: () => chmodSync(realpathSync(join(dir, '..data')), 0o702) },
    {
      name: 'with a bundle of another user',
      plant: () => lchownSync(join(dir, '..data', 'bundle.pem'), 12_345, -1),
    },
    {
      name: 'with a bundle that everybody may write',
      plant: () => chmodSync(join(dir, '..data', 'bundle.pem'), 0o602),
    },
    {
      name: 'behind a link',
      plant: () => {
        const set = realpathSync(join(dir, '..data'));
        renameSync(set, join(dir, 'elsewhere'));
        symlinkSync('elsewhere', set);
      },
    },
    {
      name: 'with a file behind a link',
      plant: () => {
        renameSync(join(dir, '..data', 'bundle.pem'), join(dir, 'bundle.pem_'));
        symlinkSync('../bundle.pem_', join(dir, '..data', 'bundle.pem'));
      },
    },
  ];
  test.each(PLANTED)('$name is refused', async ({ name, plant }) => {
    if (name.includes('another user') && process.geteuid?.() !== 0) return; // only root can give files away
    await keepSet(dir, sets[0]);
    plant();
    await expect(load()).rejects.toMatchObject({ code: 'ERR_ISSUER_CLIENT_STATE' });
  });

  test('has a bundle to know the issuer by, also when the SVID has expired', async () => {
    await keepSet(dir, await make(0));
    expect(await load()).toMatchObject({ set: { sequence: 0 }, verified: null });
  });

  test('of another trust domain is no identity', async () => {
    await keepSet(dir, sets[0]);
    expect((await loadKept(dir, 'b.example', Date.now()))?.verified ?? null).toBeNull();
  });

  // Each step leaves the folder as a crash at that point would.
  const files = ['svid.pem', 'key.pem', 'bundle.pem', 'crl.pem', 'state.json'];
  const steps = [
    ...files.flatMap((name, i) => [
      { name: `before ${name}`, kept: files.slice(0, i), cut: null },
      { name: `in the middle of ${name}`, kept: files.slice(0, i + 1), cut: name },
    ]),
    { name: 'before the link', kept: files, cut: null },
  ];
  test.each(steps)('after a crash $name is the old set', async ({ kept, cut }) => {
    await keepSet(dir, sets[0]);
    await keepSet(dir, sets[1]);
    const [newer = ''] = await fileSets(dir);
    rmSync(join(dir, '..data'));
    symlinkSync('..set-000001', join(dir, '..data'));
    for (const name of files) if (!kept.includes(name)) rmSync(join(newer, name));
    if (cut !== null) truncateSync(join(newer, cut), Math.floor(statSync(join(newer, cut)).size / 2));
    expect((await load())?.set.sequence).toBe(1);
    await keepSet(dir, { ...sets[1], sequence: 3 });
    expect((await load())?.set.sequence).toBe(3);
  });

  test.each(files.filter((name) => name !== 'crl.pem'))('with a broken %s falls back', async (name) => {
    await keepSet(dir, sets[0]);
    await keepSet(dir, sets[1]);
    const [current = ''] = await fileSets(dir);
    writeFileSync(join(current, name), '{');
    expect(await load()).toMatchObject({ set: { sequence: 1 }, verified: { spiffeId: { uri: ID } } });
  });

  test('with a key of another set falls back', async () => {
    await keepSet(dir, sets[0]);
    await keepSet(dir, sets[1]);
    const [current = '', before = ''] = await fileSets(dir);
    cpSync(join(before, 'key.pem'), join(current, 'key.pem'));
    expect((await load())?.set.sequence).toBe(1);
  });

  test('that is all broken is as nothing', async () => {
    await keepSet(dir, sets[0]);
    writeFileSync(join(dir, 'state.json'), 'null');
    expect(await load()).toBeNull();
  });

  test('where nothing can be written says so', async () => {
    writeFileSync(join(dir, 'file'), '');
    await expect(keepSet(join(dir, 'file'), sets[0])).rejects.toMatchObject({
      code: 'ERR_ISSUER_CLIENT_STATE',
      hint: expect.any(String),
    });
    expect(existsSync(join(dir, '..data'))).toBe(false);
  });
});
