#!/usr/bin/env node
// The entry point: gives the dispatcher the process's own streams, and takes the exit code.
import { isatty } from 'node:tty';
import { cacheCompiled } from '../core/compile-cache.ts';
import type { Io } from './io.ts';

const STDOUT = 1;

/** The streams are opened at the first write: the proxy writes to standard output in its own way. */
function processIo(): Io {
  const isTty = isatty(STDOUT);
  const writer = (name: 'stdout' | 'stderr'): ((text: string) => void) => {
    let stream: NodeJS.WriteStream | undefined;
    return (text) => {
      stream ??= open(process[name]);
      stream.write(text);
    };
  };
  return {
    out: writer('stdout'),
    err: writer('stderr'),
    color: isTty && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
    isTty,
    cwd: process.cwd(),
    env: process.env,
  };
}

/** A reader that has seen enough (`| head`) is no error: the rest is not worth writing. */
function open(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 2);
  });
  return stream;
}

cacheCompiled();
const { dispatch } = await import('./dispatch.ts'); // after the cache is there
process.exitCode = await dispatch(process.argv.slice(2), processIo());
