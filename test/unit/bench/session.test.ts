// What a run owns is gone after it: processes with their descendants, directory, ports handed out once.
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { processTree } from '../../../bench/proc.ts';
import { Session } from '../../../bench/session.ts';

const sessions: Session[] = [];
const open = (): Session => {
  const session = new Session();
  sessions.push(session);
  return session;
};
afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close();
});

/** A zombie has ended; whether somebody reaps it is the init process's affair. */
function alive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/status`, 'latin1').includes('\nState:\tZ');
  } catch {
    return false;
  }
}

/** A shell that says a word when its own child runs. */
const family = ['-c', 'trap "" TERM; sleep 60 & echo ready; wait; wait'];

describe('Session', () => {
  it('hands out a port once', async () => {
    const session = open();
    const ports = new Set<number>();
    for (let i = 0; i < 50; i++) ports.add(await session.freePort());
    expect(ports.size).toBe(50);
  });

  it('removes its directory', async () => {
    const session = open();
    expect(existsSync(session.directory)).toBe(true);
    await session.close();
    expect(existsSync(session.directory)).toBe(false);
  });

  it.runIf(process.platform === 'linux')('ends a whole group, also one that ignores SIGTERM', async () => {
    const session = open();
    const child = session.start({ name: 'sh', command: 'sh', args: family });
    await expect.poll(() => child.tail).toBe('ready');
    const tree = processTree(child.pid);
    expect(tree.length).toBeGreaterThan(1);
    await child.stop(50);
    await expect.poll(() => tree.filter(alive)).toEqual([]);
    expect(child.running).toBe(false);
  });

  it('keeps the last words of a child that fails', async () => {
    const child = open().start({ name: 'sh', command: 'sh', args: ['-c', 'echo no such file >&2; exit 3'] });
    await expect(child.nextMessage()).rejects.toThrow(/sh ended/);
    await expect.poll(() => child.tail).toBe('no such file');
    await child.stop();
  });

  it('reports a command that does not exist', async () => {
    const child = open().start({ name: 'nothing', command: '/does/not/exist', args: [] });
    await child.exited;
    expect(child.running).toBe(false);
    expect(child.tail).toContain('ENOENT');
  });
});
