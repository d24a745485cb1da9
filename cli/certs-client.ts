// `sallyport certs client`: an SVID from the embedded issuer, kept new in files for a program that knows
// nothing of it. What spiffe-helper does for SPIRE.
import { type IssuerSource, openIssuerSource } from '../certs/issuer-client/issuer-source.ts';
import { sleep } from '../certs/issuer-client/wait.ts';
import { systemClock } from '../core/clock.ts';
import { type Diagnostic, formatDiagnostic, SallyportError } from '../core/errors.ts';
import { give } from './certs-client-notice.ts';
import { type ClientOptions, readClientOptions } from './certs-client-options.ts';
import { makeOutputFolder, refuseForeignFiles, writeOutputSet } from './certs-client-output.ts';
import type { Io, Verb } from './io.ts';
import { StopSignals } from './proxy-events.ts';

export { CERTS_CLIENT_USAGE } from './certs-client-options.ts';

const WRITE_AGAIN_MS = 5_000;

/** One line of what happens. */
type Tell = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

/** Runs until SIGTERM, or with `--once` until the files are there: 0; 1 when they are not in time. */
export const certsClient: Verb = async (args, io) => {
  const options = await readClientOptions(args, io);
  // Before a join token is used up.
  await refuseForeignFiles(options.out);
  await makeOutputFolder(options.out);
  const tell = teller(options, io);
  const signals = new StopSignals();
  const stop = new AbortController();
  const stopped = signals.untilStopped(async (signal) => {
    if (!options.once) tell('info', 'stopped', { signal });
    stop.abort();
  });
  // The timers of a source do not keep a process alive.
  const alive = setInterval(() => undefined, 2 ** 30);
  try {
    return await (options.once
      ? runOnce(options, stop.signal, tell)
      : runOn(options, stop.signal, stopped, tell));
  } finally {
    clearInterval(alive);
    signals.close();
  }
};

async function runOnce(options: ClientOptions, stop: AbortSignal, tell: Tell): Promise<number> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(options.timeoutMs)]);
  const source = await open(options, signal, tell);
  if (source === null) return 1;
  try {
    // A kept SVID that is due is replaced first, if the issuer answers in time.
    if (source.nextRenewalAtMs() <= Date.now()) await nextChange(source, signal);
    return (await write(source, options, tell)) ? 0 : 1;
  } finally {
    source.close();
  }
}

async function runOn(
  options: ClientOptions,
  stop: AbortSignal,
  stopped: Promise<void>,
  tell: Tell,
): Promise<number> {
  const source = await open(options, stop, tell);
  if (source === null) return 0; // stopped while it waited
  source.onProblem((problems) => tellProblems(problems, tell));
  tellProblems(source.problems(), tell);
  // One write after the other; what changes meanwhile is written next, and only the last of it.
  let [writing, again] = [false, false];
  const follow = async (): Promise<void> => {
    again = true;
    if (writing) return;
    writing = true;
    while (again && !stop.aborted) {
      again = false;
      if (await write(source, options, tell)) continue;
      // The next change may be half the life of an SVID away, and the disk has room again long before.
      await sleep(WRITE_AGAIN_MS, systemClock, stop);
      again = true;
    }
    writing = false;
  };
  source.onChange(() => void follow());
  await follow();
  await stopped;
  source.close();
  return 0;
}

/** Null when `signal` ended the wait for the first SVID. */
async function open(options: ClientOptions, signal: AbortSignal, tell: Tell): Promise<IssuerSource | null> {
  try {
    return await openIssuerSource({
      ...options,
      signal,
      onWaiting: (problems) => tellProblems(problems, tell),
    });
  } catch (error) {
    if (!(error instanceof SallyportError) || error.code !== 'ERR_ISSUER_CLIENT_WAIT') throw error;
    if (options.once) tell('error', error.message, { code: error.code, hint: error.hint });
    return null;
  }
}

/** Writes the present set and tells whoever uses it; false when it could not be written. */
async function write(source: IssuerSource, options: ClientOptions, tell: Tell): Promise<boolean> {
  const [state, set] = [source.current(), source.material()];
  if (state === null || set === null) return false;
  try {
    const files = await writeOutputSet(set, options);
    tell('info', 'files written', {
      spiffeId: state.spiffeId.uri,
      notAfter: new Date(state.notAfterMs).toISOString(),
      nextRenewal: new Date(set.nextRenewalMs).toISOString(),
      trustSequence: set.sequence,
      out: options.out,
      files,
    });
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    tell('error', error.message, { code: error.code, hint: error.hint });
    return false;
  }
  const fault = options.notice === null ? null : await give(options.notice);
  if (fault !== null) tell('error', fault, { code: 'ERR_CERTS_CLIENT_NOTICE' });
  return true;
}

const nextChange = (source: IssuerSource, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    source.onChange(() => resolve());
    source.onProblem(() => resolve()); // the kept SVID is what there is
    signal.addEventListener('abort', () => resolve());
  });

function tellProblems(problems: readonly Diagnostic[], tell: Tell): void {
  for (const { severity, message, ...rest } of problems)
    tell(severity === 'error' ? 'error' : 'warn', message, rest);
}

/** JSON lines on standard output, or text: what happens there, what is wrong on standard error. */
function teller({ json }: ClientOptions, io: Io): Tell {
  return (level, msg, fields = {}) => {
    const time = new Date().toISOString();
    if (json) return io.out(`${JSON.stringify({ time, level, msg, ...fields })}\n`);
    if (level !== 'info') {
      const { code = '', hint } = fields;
      const severity = level === 'error' ? 'error' : 'warning';
      const said = { severity, code: String(code), message: msg } as const;
      return io.err(`${formatDiagnostic(typeof hint === 'string' ? { ...said, hint } : said)}\n`);
    }
    const { spiffeId, notAfter, out } = fields;
    const what = spiffeId === undefined ? '' : `: ${spiffeId}, valid until ${notAfter}, in ${out}`;
    io.out(`${time} ${msg}${what}\n`);
  };
}
