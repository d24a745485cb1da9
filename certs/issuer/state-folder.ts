// The folder that holds the state: nobody else may enter it, and a file that was there is never taken for a
// new one.
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  type Stats,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { IssuerError } from './issuer-error.ts';

/** Paths inside the state folder. */
export interface StateFiles {
  readonly folder: string;
  readonly database: string;
  /** The database while it is being made: renamed when it is complete. */
  readonly unfinished: string;
}

/** Makes the folder if need be, and checks owner and mode of what is there. @throws ERR_ISSUER_PERMISSIONS */
export function openStateFolder(folder: string): StateFiles {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  checkOwned(folder, 0o700);
  const database = join(folder, 'issuer.db');
  const files = { folder, database, unfinished: `${database}.new` };
  for (const file of [database, `${database}-wal`, files.unfinished])
    if (existsSync(file)) checkOwned(file, 0o600);
  return files;
}

/** True when no issuer was ever here. @throws ERR_ISSUER_STATE when only a part of the state is left */
export function isFirstOpen(files: StateFiles): boolean {
  if (existsSync(files.database)) return false;
  if (existsSync(`${files.database}-wal`))
    throw new IssuerError(
      'ERR_ISSUER_STATE',
      `\`${files.database}\` is gone but its write-ahead log is there`,
      {
        hint: 'restore the state folder from a backup; a new CA is only made in an empty folder',
      },
    );
  return true;
}

/** Makes the file with its mode before SQLite opens it: its journals take the mode over. */
export function createPrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
}

/** The finished database takes its name, for good. */
export function finish(files: StateFiles): void {
  renameSync(files.unfinished, files.database);
  const folder = openSync(files.folder, 'r');
  fsyncSync(folder);
  closeSync(folder);
}

function checkOwned(path: string, mode: number): void {
  const stats: Stats = statSync(path);
  const found = stats.mode & 0o777;
  if ((found & ~mode) !== 0)
    throw new IssuerError(
      'ERR_ISSUER_PERMISSIONS',
      `\`${path}\` has mode 0${found.toString(8)}: others may read or change it`,
      { hint: `chmod 0${mode.toString(8)} ${path}` },
    );
  // The user of a container may have no name: os.userInfo would throw
  if (stats.uid !== process.geteuid?.())
    throw new IssuerError(
      'ERR_ISSUER_PERMISSIONS',
      `\`${path}\` belongs to user ${stats.uid}, not to this one`,
      {
        hint: 'chown it to the user that runs the issuer',
      },
    );
}
