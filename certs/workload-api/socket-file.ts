// A Unix socket that one user alone can open: attestation by file permission, since Node cannot ask the
// kernel who is at the other end. The kernel lets nobody connect who may not write to the socket (unix(7)).
//
// <directory>/            ours, 0711: no other user can write, so nothing in it is a trap
// <directory>/<name>/     ours, 0700 until the socket has its owner and mode, 0711 from then on
// <directory>/<name>/api.sock    of the workload, 0600
//
// SAFETY: bind(2) gives a socket the mode that the umask leaves, and the umask belongs to the whole process:
// another thread that creates a file meanwhile would get a wrong one. So nobody can get to the socket
// instead, until it is closed to others.
import {
  type BigIntStats,
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { errorCode, SallyportError } from '../../core/errors.ts';
import { isServed } from '../bind.ts';
import { SOCKET_PATH_BYTES_MAX } from './socket-address.ts';

/** Whose socket it is, and where. */
export interface SocketPlace {
  /** Made if it is missing; its parent is not. */
  readonly directory: string;
  /** Of the workload: 1 to 64 of `[A-Za-z0-9._-]`, not beginning with a dot. */
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const CLOSED_MODE = 0o700;
const PASSABLE_MODE = 0o711;
const SOCKET_MODE = 0o600;
const OTHERS_WRITE = 0o022;
const PERMISSIONS = 0o7777;
const NAME_CHARACTERS_MAX = 64;
const SOCKET_NAME = 'api.sock';

/**
 * The path for the socket of `place`, in a folder that nobody else can enter and that has no socket yet.
 * @throws ERR_WORKLOAD_API_SOCKET
 */
export async function prepareSocket({ directory, name, uid }: SocketPlace): Promise<string> {
  if (!isName(name)) throw refused(`\`${name}\` cannot be the name of a socket`, HINT_NAME);
  const folder = join(directory, name);
  const path = join(folder, SOCKET_NAME);
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX)
    throw refused(
      `\`${path}\` has more than ${SOCKET_PATH_BYTES_MAX} bytes`,
      'the system allows no longer path',
    );
  ownFolder(directory, PASSABLE_MODE);
  ownFolder(folder, CLOSED_MODE);
  await removeStale(path, uid);
  return path;
}

/** What a socket that cannot be bound at `path` is to people. */
export const bindRefused = (path: string, cause: Error): SallyportError =>
  refused(`\`${path}\` cannot be made: ${errorCode(cause)}`, HINT_FOLDER, cause);

/**
 * Gives the bound socket at `path` to its workload, and lets it through. @throws ERR_WORKLOAD_API_SOCKET
 */
export function handOver(path: string, { directory, name, uid, gid }: SocketPlace): SocketIdentity {
  try {
    chmodSync(path, SOCKET_MODE); // while it is ours: afterwards it takes CAP_FOWNER as well
    lchownSync(path, uid, gid);
  } catch (cause) {
    const hint = 'only root, or a process with CAP_CHOWN, can give a socket to another user';
    throw refused(`\`${path}\` cannot be given to user ${uid}, group ${gid}`, hint, cause);
  }
  const identity = new SocketIdentity(path);
  chmodSync(join(directory, name), PASSABLE_MODE);
  return identity;
}

/** Takes the folder of a closed socket away; one that somebody needs stays. */
export function removeFolder({ directory, name }: SocketPlace): void {
  try {
    rmdirSync(join(directory, name));
  } catch {
    // not empty, or gone already: nothing of ours is left in it
  }
}

/** The socket as it was handed over, to see that it still is. */
export class SocketIdentity {
  readonly path: string;
  readonly #stat: BigIntStats | undefined;

  constructor(path: string) {
    this.path = path;
    this.#stat = statOf(path);
  }

  /** What is another than it was: then other users may have got in. Null when all is as it was. */
  change(): string | null {
    const [before, now] = [this.#stat, statOf(this.path)];
    if (before === undefined || now === undefined) return 'it is gone';
    if (now.dev !== before.dev || now.ino !== before.ino) return 'it is another file';
    if (now.uid !== before.uid || now.gid !== before.gid) return `its owner is ${now.uid}:${now.gid}`;
    if (now.mode !== before.mode) return `its mode is ${(Number(now.mode) & PERMISSIONS).toString(8)}`;
    // A mode that was changed and changed back while nobody looked.
    return now.ctimeNs === before.ctimeNs ? null : 'it was changed and changed back';
  }
}

/** Makes `folder`, or shows that it is ours alone to write to. */
function ownFolder(folder: string, mode: number): void {
  try {
    mkdirSync(folder, { mode });
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST')
      throw refused(`\`${folder}\` cannot be made: ${errorCode(cause)}`, HINT_FOLDER, cause);
  }
  const stat = statOf(folder); // of itself: a link is not followed
  if (stat === undefined || !stat.isDirectory()) throw refused(`\`${folder}\` is not a folder`, HINT_FOLDER);
  if (Number(stat.uid) !== process.geteuid?.())
    throw refused(`\`${folder}\` belongs to user ${stat.uid}`, HINT_FOLDER);
  if ((Number(stat.mode) & OTHERS_WRITE) !== 0)
    throw refused(
      `\`${folder}\` can be written by others`,
      'run `chmod go-w` on it, and look who has been there',
    );
  chmodSync(folder, mode); // whatever the umask made of it
}

/** Only a socket that was one of ours, and that nobody serves. */
async function removeStale(path: string, uid: number): Promise<void> {
  const stat = statOf(path);
  if (stat === undefined) return;
  const owner = Number(stat.uid);
  if (!stat.isSocket() || (owner !== uid && owner !== process.geteuid?.()))
    throw refused(`\`${path}\` is not a socket of ours`, 'remove it, and look who made it');
  if (await isServed(path)) throw refused(`\`${path}\` is served already`, 'one process serves a socket');
  unlinkSync(path);
}

function isName(name: string): boolean {
  if (name.length === 0 || name.length > NAME_CHARACTERS_MAX || name.startsWith('.')) return false;
  return [...name].every(
    (c) => (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || '0123456789._-'.includes(c),
  );
}

const statOf = (path: string): BigIntStats | undefined =>
  lstatSync(path, { bigint: true, throwIfNoEntry: false });

const HINT_NAME = 'use 1 to 64 letters, digits, `.`, `_` and `-`, not beginning with a dot';
const HINT_FOLDER = 'it must be a folder of the user of this process, in one that exists, and not a link';

const refused = (message: string, hint: string, cause?: unknown): SallyportError =>
  new SallyportError('ERR_WORKLOAD_API_SOCKET', message, { hint, cause });
