// The bounded writer: what a stalled, broken or slow reader costs. Real pipes, real processes, real files.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, createReadStream, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../core/clock.ts';
import { type LineSink, openSink, type WriteDone } from '../../../../proxy/record/line-sink.ts';
import { LineWriter } from '../../../../proxy/record/line-writer.ts';
import { TestClock } from './record-samples.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-pipe-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Report {
  readonly written: number;
  readonly dropped: number;
  readonly worstMs: number;
  readonly rss: number;
}

/** Resolves with what the child said on standard error, once it has exited by itself. */
async function reportOf(child: ChildProcess): Promise<Report> {
  let said = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...ended) => resolve(ended));
  });
  expect({ code, signal, said }).toMatchObject({ code: 0, signal: null });
  return JSON.parse(said);
}

function spawnWriter(perTurn: number, stdout: number | 'pipe'): ChildProcess {
  const script = join(import.meta.dirname, 'pipe-writer.ts');
  return spawn(process.execPath, [script, String(perTurn)], {
    stdio: ['ignore', stdout, 'pipe'],
    timeout: 15_000,
    killSignal: 'SIGKILL',
  });
}

/** A real pipe (Node's own `pipe` for children is a pair of sockets): both ends open, nobody reads. */
function openPipe(name: string): number {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  return openSync(path, 'r+');
}

describe('a process whose output nobody reads', () => {
  test('through a pipe: drops and counts, keeps turning, exits by itself', async () => {
    const fd = openPipe('unread');
    const report = await reportOf(spawnWriter(400, fd));
    closeSync(fd);
    expect(report.written).toBe(20_000);
    // 64 KiB of the pipe and 1 MiB of the buffer hold about 5,000 lines of 218 bytes.
    expect(report.dropped).toBeGreaterThan(10_000);
    expect(report.worstMs).toBeLessThan(500);
    expect(report.rss).toBeLessThan(150e6);
  });

  test('through a socket: the same', async () => {
    const child = spawnWriter(400, 'pipe');
    child.stdout?.pause();
    // What was not read would keep the stream, and so the child, from being closed.
    child.on('exit', () => child.stdout?.destroy());
    const report = await reportOf(child);
    expect(report.dropped).toBeGreaterThan(10_000);
    expect(report.worstMs).toBeLessThan(500);
  });

  test('because the reader left: everything is dropped and counted, the process lives', async () => {
    const both = openPipe('left');
    const fd = openSync(join(folder, 'left'), 'w');
    const child = spawnWriter(10, fd);
    closeSync(fd);
    closeSync(both);
    const report = await reportOf(child);
    expect(report).toMatchObject({ written: 500, dropped: 500 });
  });
});

test('a reader that comes late gets whole lines in order', async () => {
  const fd = openPipe('late');
  const writer = new LineWriter({ sink: openSink(fd, systemClock), clock: systemClock });
  for (let i = 0; i < 4000; i++) writer.write(`{"line":${i},"pad":"${'x'.repeat(200)}"}\n`);
  let text = '';
  const done = writer.flush(10_000).then(() => {
    writer.write('{"line":"last"}\n');
    return writer.flush(10_000);
  });
  const reader = createReadStream(join(folder, 'late'), 'utf8');
  for await (const piece of reader) {
    text += piece;
    if (text.includes('"last"')) break;
  }
  await done;
  const numbers = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).line);
  expect(numbers).toEqual([...Array.from({ length: 4000 }, (_, i) => i), 'last']);
  expect(writer.dropped).toBe(0);
});

test('a file gets every line', async () => {
  const path = join(folder, 'log');
  const fd = openSync(path, 'w');
  const writer = new LineWriter({ sink: openSink(fd, systemClock), clock: systemClock });
  for (let i = 0; i < 100; i++) writer.write(`é${i}\n`);
  await writer.flush(5000);
  closeSync(fd);
  expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(101);
  expect(writer.dropped).toBe(0);
});

test('a full disk costs lines, and is tried again', async () => {
  const fd = openSync('/dev/full', 'w');
  const writer = new LineWriter({ sink: openSink(fd, systemClock), clock: systemClock });
  writer.write('a\nb\n');
  await writer.flush(5000);
  writer.write('c\n');
  await writer.flush(5000);
  closeSync(fd);
  expect(writer.dropped).toBe(2);
});

describe('the buffer', () => {
  /** Keeps what it is given until the test says how it ended. */
  class HeldSink implements LineSink {
    broken = false;
    readonly writes: string[] = [];
    #done: WriteDone | null = null;

    write(bytes: Buffer, done: WriteDone): void {
      expect(this.#done).toBeNull();
      this.writes.push(bytes.toString());
      this.#done = done;
    }

    end(error: Error | null = null): void {
      const done = this.#done;
      this.#done = null;
      done?.(error);
    }
  }

  function held(bufferBytesMax: number): { sink: HeldSink; clock: TestClock; writer: LineWriter } {
    const sink = new HeldSink();
    const clock = new TestClock();
    return { sink, clock, writer: new LineWriter({ sink, clock, bufferBytesMax }) };
  }

  test('gathers lines for 10 ms, then what came during a write', () => {
    const { sink, clock, writer } = held(1000);
    for (const line of ['a\n', 'b\n']) writer.write(line);
    expect(sink.writes).toEqual([]);
    clock.advance(10);
    for (const line of ['c\n', 'd\n']) writer.write(line);
    clock.advance(50);
    expect(sink.writes).toEqual(['a\nb\n']);
    sink.end();
    expect(sink.writes).toEqual(['a\nb\n', 'c\nd\n']);
  });

  test('counts bytes, not characters, of what flies and what waits', () => {
    const { sink, clock, writer } = held(10);
    expect(writer.write('éé\n')).toBe(true);
    clock.advance(10);
    expect(writer.write('ééé\n')).toBe(false);
    expect(writer.write('éé\n')).toBe(true);
    expect(writer.dropped).toBe(1);
    sink.end();
    expect(writer.write('1234\n')).toBe(true);
  });

  test('counts the lines of a failed write and goes on', () => {
    const { sink, clock, writer } = held(1000);
    for (const line of ['a\n', 'b\n']) writer.write(line);
    clock.advance(10);
    writer.write('c\n');
    sink.end(new Error('ENOSPC'));
    expect(writer.dropped).toBe(2);
    expect(sink.writes.at(-1)).toBe('c\n');
  });

  test('gives up when the sink is broken', () => {
    const { sink, clock, writer } = held(1000);
    writer.write('a\n');
    clock.advance(10);
    writer.write('b\n');
    sink.broken = true;
    sink.end(new Error('EPIPE'));
    expect(writer.write('c\n')).toBe(false);
    expect(writer.dropped).toBe(3);
    expect(sink.writes).toEqual(['a\n']);
  });

  test('is left behind at the deadline of a flush', async () => {
    const { sink, clock, writer } = held(1000);
    writer.write('a\n');
    const flushed = writer.flush(100);
    writer.write('b\n');
    clock.advance(100);
    await flushed;
    expect(writer.dropped).toBe(1);
    expect(sink.writes).toEqual(['a\n']);
  });

  test('has nothing to flush', async () => {
    await held(1000).writer.flush(100);
  });
});
