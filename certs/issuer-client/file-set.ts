// Several files that belong together, replaced as one: a new folder is written to the end and then becomes
// the target of the link `..data`, in one rename, as Kubernetes does with its volumes. A crash at any point
// leaves the old set or the new one; a reader who resolves `..data` once never sees parts of two.
//
//   DIR/tls.crt -> ..data/tls.crt      DIR/..data -> ..set-000002      DIR/..set-000002/tls.crt
import { lstat, mkdir, open, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** One file of a set. */
export interface SetFile {
  /** Relative to the folder; at most one folder deep. */
  readonly name: string;
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

/** Who may read a set. */
export interface SetAccess {
  /** Permission bits of the folders. */
  readonly folderMode: number;
  /** Group of files and folders; null = the process's own. */
  readonly gid: number | null;
}

const DATA = '..data';
const SET = '..set-';
const SET_DIGITS = 6;

/** Replaces what is in `dir` by `files`. Rejects with what the file system says. */
export async function writeFileSet(dir: string, files: readonly SetFile[], access: SetAccess): Promise<void> {
  await mkdir(dir, { recursive: true, mode: access.folderMode });
  const [newest] = await setsOf(dir);
  const current = await currentSet(dir);
  const set = `${SET}${String(numberOf(newest) + 1).padStart(SET_DIGITS, '0')}`;
  const folder = join(dir, set);
  await mkdir(folder, { mode: 0o700 }); // a link that somebody put there is not followed: EEXIST
  try {
    await writeSet(folder, files, access);
    await replaceLink(join(dir, DATA), set);
  } catch (error) {
    // Whoever tries again and again, on a full disk perhaps, must not leave a key at every try.
    await rm(folder, { recursive: true, force: true }).catch(() => undefined); // `error` says what is wrong
    throw error;
  }
  await linkNames(dir, files);
  await syncFolder(dir);
  // The one before stays for those who resolved it a moment ago, and to fall back to.
  for (const old of await setsOf(dir))
    if (old !== set && old !== current) await rm(join(dir, old), { recursive: true, force: true });
}

/** The folders that hold sets, in the order in which to try them: the current one, then the newest. */
export async function fileSets(dir: string): Promise<readonly string[]> {
  const sets = await setsOf(dir);
  const current = await currentSet(dir);
  const ordered = sets.includes(current) ? [current, ...sets.filter((set) => set !== current)] : sets;
  return ordered.map((set) => join(dir, set));
}

/** Newest first. */
async function setsOf(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch(() => []); // no folder, no sets; writing says what is wrong
  const sets = names.filter((name) => name.startsWith(SET));
  return sets.sort((a, b) => numberOf(b) - numberOf(a));
}

const numberOf = (set: string | undefined): number => {
  const number = Number(set?.slice(SET.length));
  return Number.isSafeInteger(number) ? number : 0;
};

/** The name of the current set; empty when there is none. */
const currentSet = (dir: string): Promise<string> => readlink(join(dir, DATA)).catch(() => '');

/** Fills `folder`, which nobody else can enter yet. */
async function writeSet(folder: string, files: readonly SetFile[], access: SetAccess): Promise<void> {
  const made = new Set([folder]);
  await giveFolder(folder, access);
  for (const file of files) {
    const parent = dirname(join(folder, file.name));
    if (!made.has(parent)) {
      await mkdir(parent, { mode: 0o700 });
      await giveFolder(parent, access);
    }
    made.add(parent);
    await writeSynced(join(folder, file.name), file, access);
  }
  await syncFolder(folder);
}

async function giveFolder(path: string, { folderMode, gid }: SetAccess): Promise<void> {
  const handle = await open(path, 'r');
  try {
    if (gid !== null) await handle.chown(-1, gid);
    await handle.chmod(folderMode); // whatever the umask
  } finally {
    await handle.close();
  }
}

async function writeSynced(path: string, { text, mode }: SetFile, { gid }: SetAccess): Promise<void> {
  // Nobody else may open it before mode and group are what they should be.
  const handle = await open(path, 'wx', 0o600);
  try {
    if (gid !== null) await handle.chown(-1, gid);
    await handle.writeFile(text);
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** `path` points to `target` from one moment to the next. */
async function replaceLink(path: string, target: string): Promise<void> {
  const next = `${path}_next`;
  await rm(next, { force: true });
  await symlink(target, next);
  await rename(next, path);
}

/** `NAME -> ..data/NAME` for everything in the set, and no such link for what is not. */
async function linkNames(dir: string, files: readonly SetFile[]): Promise<void> {
  const wanted = new Set(files.map(({ name }) => name.split('/')[0] ?? name));
  for (const name of wanted) {
    const there = await readlink(join(dir, name)).catch(() => null);
    if (there !== `${DATA}/${name}`) await replaceLink(join(dir, name), `${DATA}/${name}`);
  }
  for (const name of await readdir(dir)) {
    if (wanted.has(name) || name === DATA) continue;
    if (!(await lstat(join(dir, name))).isSymbolicLink()) continue;
    if ((await readlink(join(dir, name))) === `${DATA}/${name}`) await rm(join(dir, name));
  }
}
