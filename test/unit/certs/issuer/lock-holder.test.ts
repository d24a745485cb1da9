// Who holds the lock of a database, by the kernel's list: a wrong answer could get the wrong process killed.
import { expect, test } from 'vitest';
import { holderIn } from '../../../../certs/issuer/lock-holder.ts';

const HELD = '1: POSIX  ADVISORY  WRITE 3037 fe:00:10224960 1073741824 1073742335';

const rows = [
  { name: 'one process', locks: HELD, expect: 3037 },
  { name: 'among others', locks: `1: FLOCK  ADVISORY  WRITE 7 fe:00:99 0 EOF\n${HELD}\n`, expect: 3037 },
  { name: 'a lock of something else on the file', locks: HELD.replace('1073741824', '0'), expect: null },
  { name: 'another file', locks: HELD.replace(':10224960', ':1022496'), expect: null },
  { name: 'another file of a number that ends alike', locks: HELD.replace(':102', ':9102'), expect: null },
  { name: 'one that waits for the lock', locks: HELD.replace('1: POSIX', '1: -> POSIX'), expect: null },
  { name: 'a process outside of this container', locks: HELD.replace('3037', '0'), expect: null },
  { name: 'a process outside of this container, older', locks: HELD.replace('3037', '-1'), expect: null },
  { name: 'no lock', locks: '', expect: null },
  { name: 'what nobody knows', locks: 'locks:\n\n1: POSIX', expect: null },
];
test.each(rows)('$name', ({ locks, expect: holder }) => {
  expect(holderIn(locks, 10_224_960)).toBe(holder);
});
