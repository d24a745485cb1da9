// The loader process: reads YAML, validates and compiles for the proxy, which so keeps that code and its
// garbage out of its own memory and off its event loop. Started and ended by worker-client.ts; it ends by
// itself when the proxy is gone.
import { keepCompiled } from '../core/compile-cache.ts';
import type { Config } from '../core/config/config.ts';
import { type Diagnostic, SallyportError } from '../core/errors.ts';
import type { LoadReply, LoadRequest } from './load.ts';

/** What the proxy asks for. */
export type Job =
  | { readonly kind: 'config'; readonly file: string }
  | { readonly kind: 'policies'; readonly request: LoadRequest };

/** An error as it travels. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** One answer; jobs are answered in the order in which they came. */
export type Answer =
  | { readonly value: Config | LoadReply; readonly error?: never }
  | { readonly error: PlainError; readonly value?: never };

async function run(job: Job): Promise<Config | LoadReply> {
  // Each job loads only its own code: a reload needs no configuration schema.
  if (job.kind === 'config') return (await import('../core/config/load.ts')).loadConfig(job.file);
  return (await import('./load.ts')).loadPolicies(job.request);
}

function plain(error: unknown): PlainError {
  if (error instanceof SallyportError) {
    const { code, message, hint, diagnostics } = error;
    return { code, message, hint, diagnostics };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'ERR_LOADER_DEFECT', message, hint: undefined, diagnostics: [] };
}

/** Answers one job after the other until the channel closes. */
function serve(): void {
  let turn = Promise.resolve();
  process.on('message', (job: Job) => {
    turn = turn.then(async () => {
      const answer: Answer = await run(job).then(
        (value) => ({ value }),
        (error: unknown) => ({ error: plain(error) }),
      );
      // The callback takes the error of a proxy that is gone; there is nobody left to tell.
      process.send?.(answer, undefined, undefined, () => {});
      // A configuration that was read is followed by its policies: their code is ready when they are asked
      // for.
      if (job.kind === 'config' && answer.error === undefined) await import('./load.ts');
      else keepCompiled();
    });
  });
  // A terminal or a service manager signals the whole group; the proxy finishes first, then the channel
  // closes.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
}

serve();
