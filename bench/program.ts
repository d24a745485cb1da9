// Where things are on disk, from the sources and from the emitted harness alike: bench/emit.ts keeps the
// places of the programs to each other.
import { fileURLToPath } from 'node:url';

/** False for the emitted harness of the npm tarball, which has no sources beside it. */
export const FROM_SOURCES = import.meta.url.endsWith('.ts');

/** The folder of package.json: emitted, this file is one folder deeper. */
export const ROOT = fileURLToPath(new URL(FROM_SOURCES ? '..' : '../..', import.meta.url));

/** Every file that the harness starts as a process or a thread, or preloads into one. */
export const PROGRAMS = [
  'load/load-process',
  'load/upstream-process',
  'load/loop-delay',
  'micro/handshake-client',
  'micro/decision-process',
  'micro/workload-api-process',
  'peers/processes/bare-tls',
  'peers/processes/node-https-http-proxy',
  'peers/processes/node-https-undici',
  'peers/processes/raw-relay',
  'peers/processes/raw-relay-outbound',
] as const;

export type Program = (typeof PROGRAMS)[number];

/** The file of a program, for a command line. */
export function programFile(program: Program): string {
  return fileURLToPath(programUrl(program));
}

/** The same as `node --import` takes it. */
export function programUrl(program: Program): URL {
  return new URL(`./${program}${FROM_SOURCES ? '.ts' : '.js'}`, import.meta.url);
}
