// The files that `sallyport certs client` keeps for another program, replaced as one set.
import { access, chmod, constants, lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type SetFile, writeFileSet } from '../certs/issuer-client/file-set.ts';
import type { KeptSet } from '../certs/issuer-client/kept-set.ts';
import { errorCode, SallyportError } from '../core/errors.ts';

/** Where to, and who may read the key. */
export interface OutputFolder {
  readonly out: string;
  readonly keyMode: number;
  readonly gid: number | null;
}

const PUBLIC_MODE = 0o644;
const FOLDER_MODE = 0o755;
const NAMES = {
  certificate: 'tls.crt',
  key: 'tls.key',
  bundle: 'ca.pem',
  crl: 'crl.pem',
  federated: 'federated',
};
// A file name has at most 255 bytes; a trust domain may have as many without its `.pem`.
const NAME_BYTES_MAX = 255;

/** Writes `set`; the paths of the files, relative to the folder. @throws ERR_FILE */
export async function writeOutputSet(set: KeptSet, folder: OutputFolder): Promise<readonly string[]> {
  const open = (name: string, text: string): SetFile => ({ name, text, mode: PUBLIC_MODE });
  const files: SetFile[] = [
    open(NAMES.certificate, set.svidPem),
    { name: NAMES.key, text: set.keyPem, mode: folder.keyMode },
    open(NAMES.bundle, set.bundlePem),
    ...(set.crlPem === '' ? [] : [open(NAMES.crl, set.crlPem)]),
  ];
  for (const [trustDomain, pem] of set.federated) {
    const name = `${trustDomain}.pem`;
    if (name.length <= NAME_BYTES_MAX) files.push(open(`${NAMES.federated}/${name}`, pem));
  }
  try {
    await writeFileSet(folder.out, files, { folderMode: FOLDER_MODE, gid: folder.gid });
  } catch (error) {
    const code = errorCode(error);
    throw new SallyportError('ERR_FILE', `\`${folder.out}\` cannot be written: ${code}`, {
      hint: 'the process must own it, and be a member of `--group`',
      cause: error,
    });
  }
  return files.map(({ name }) => name);
}

/**
 * Makes the folder if it is not there: others may look into it, since the files say who reads what.
 * @throws ERR_FILE
 */
export async function makeOutputFolder(out: string): Promise<void> {
  try {
    const made = await mkdir(out, { recursive: true });
    if (made !== undefined) await chmod(out, FOLDER_MODE); // whatever the umask
    await access(out, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const code = errorCode(cause);
    const file = code === 'EEXIST' || code === 'ENOTDIR';
    throw new SallyportError('ERR_FILE', `\`--out ${out}\` is no folder that can be written: ${code}`, {
      hint: file ? 'there is a file of that name; name a folder' : 'this user must be able to write there',
      cause,
    });
  }
}

/** Files that are there and are not links of ours are somebody's. @throws ERR_FILE_EXISTS */
export async function refuseForeignFiles(out: string): Promise<void> {
  for (const name of Object.values(NAMES)) {
    const there = await lstat(join(out, name)).catch(() => null); // not there, or seen when it is written
    if (there === null || there.isSymbolicLink()) continue;
    throw new SallyportError('ERR_FILE_EXISTS', `\`${join(out, name)}\` exists already`, {
      hint: 'it is not of this program; move it away, or name another folder',
    });
  }
}
