// Which process has a database open, for the operator who finds it locked. SQLite's lock is the kernel's, and
// so is the list of who holds which: nothing to be written, and nothing left behind by kill -9.
// @see proc_locks(5), https://sqlite.org/fileformat2.html#the_lock_byte_page
import { readFileSync, statSync } from 'node:fs';

/** The process that has the SQLite database `file` locked; null when the kernel does not say. */
export function lockHolder(file: string): number | null {
  try {
    return holderIn(readFileSync('/proc/locks', 'latin1'), statSync(file).ino);
  } catch {
    return null; // not Linux, or not to be read here
  }
}

// SQLite locks bytes that no database uses for anything else: PENDING_BYTE to the last of the shared ones.
const LOCK_BYTES_START = '1073741824';
const LOCK_BYTES_END = '1073742335';

/**
 * The same in the text of /proc/locks: `1: POSIX  ADVISORY  WRITE 3037 fe:00:10224960 1073741824 1073742335`.
 * Without the device, which overlayfs tells otherwise than stat does.
 */
export function holderIn(locks: string, inode: number): number | null {
  for (const line of locks.split('\n')) {
    const [, kind, , mode, pid, file, start, end] = line.split(' ').filter((field) => field !== '');
    if (kind !== 'POSIX' || mode !== 'WRITE' || start !== LOCK_BYTES_START || end !== LOCK_BYTES_END)
      continue;
    // 0 and -1: a process that this container cannot see
    if (file?.split(':')[2] === String(inode) && Number(pid) > 0) return Number(pid);
  }
  return null;
}
