// Runs one command line in this process and collects what it prints.
import { dispatch } from '../../../cli/dispatch.ts';
import type { Io } from '../../../cli/io.ts';

export interface Printed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `sallyport ARGS` in the folder `cwd`; with colour on a terminal. */
export async function runCli(cwd: string, args: readonly string[], isTty = false): Promise<Printed> {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    color: isTty,
    isTty,
    cwd,
    env: {},
  };
  const code = await dispatch(args, io);
  return { code, out: out.join(''), err: err.join('') };
}
