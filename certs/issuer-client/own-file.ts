// Reading back what this program wrote: in a folder where other users may write too, a set of theirs would
// say which CA this workload believes, and as whom it serves.
import { constants, type Stats } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { IssuerClientError } from './problem.ts';

const WRITABLE_BY_OTHERS = 0o002; // not those of the group: Kubernetes gives it to volumes (fsGroup)

/** The text of `file`. @throws ERR_ISSUER_CLIENT_STATE when somebody else may have written it */
export async function readOwnFile(file: string): Promise<string> {
  // A pipe would otherwise be waited for.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(file, flags).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ELOOP' ? foreign(file, 'is a link') : error;
  });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw foreign(file, 'is no file');
    checkOwn(file, stats);
    return (await handle.readFile()).toString('latin1');
  } finally {
    await handle.close();
  }
}

/** @throws ERR_ISSUER_CLIENT_STATE unless `folder` is one of this user, and no link */
export async function checkOwnFolder(folder: string): Promise<void> {
  const stats = await lstat(folder);
  if (!stats.isDirectory()) throw foreign(folder, 'is no folder');
  checkOwn(folder, stats);
}

function checkOwn(path: string, { uid, mode }: Stats): void {
  if (uid !== 0 && uid !== process.geteuid?.()) throw foreign(path, `belongs to user ${uid}`);
  if ((mode & WRITABLE_BY_OTHERS) !== 0) throw foreign(path, 'can be written by everybody');
}

const foreign = (path: string, what: string): IssuerClientError =>
  new IssuerClientError('ERR_ISSUER_CLIENT_STATE', `\`${path}\` in the state folder ${what}`, {
    hint: 'the state folder is for this user alone: look who has been there, remove the set, and attest anew',
  });
