// Clients that are not ours: openssl and curl, as processes.
import { spawn } from 'node:child_process';

/** What a command printed and how it ended. */
export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const TIMEOUT_MS = 15_000;

/** Runs a command to its end. `closeInputWhen`: standard input stays open until the output satisfies it. */
export function run(
  command: string,
  args: readonly string[],
  options: {
    readonly input?: string;
    readonly closeInputWhen?: (out: string) => boolean;
    readonly timeoutMs?: number;
  } = {},
): Promise<Ran> {
  const { input = '', closeInputWhen, timeoutMs = TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'pipe', timeout: timeoutMs });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      out += text;
      if (closeInputWhen?.(out) === true) child.stdin.end();
    });
    child.stderr.setEncoding('latin1').on('data', (text: string) => {
      err += text;
    });
    child.stdin.on('error', () => undefined); // the command ended first: its exit code says why
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
    child.stdin.write(input);
    if (closeInputWhen === undefined) child.stdin.end();
  });
}
