// A source whose states arrive on a stream of the Workload API: each answer is read and verified as a whole,
// and taken as a whole or not at all. Whatever goes wrong, the last good state stays.
import { type Clock, systemClock, type Timer } from '../../core/clock.ts';
import { type Diagnostic, SallyportError } from '../../core/errors.ts';
import { firstState } from '../first-state.ts';
import { Findings } from '../read-files.ts';
import type { Source } from '../source.ts';
import { SourceBase } from '../source-base.ts';
import type { StreamTimes } from './server-stream.ts';
import { parseSocketAddress, type SocketAddress } from './socket-address.ts';
import { watchWorkloadApi } from './watch.ts';

/** What every source on the Workload API needs. */
export interface WorkloadApiOptions {
  /** `unix:///run/spire/agent.sock`. */
  readonly socket: string;
  readonly trustDomain: string;
  readonly clock?: Clock;
  /** Spreads the waits between attempts; from 0 to 1. */
  readonly random?: () => number;
  /** Called with each new reason for which there is no first state yet. */
  readonly onWaiting?: (problem: Diagnostic) => void;
  /** Gives up the wait for the first state. */
  readonly signal?: AbortSignal;
  readonly times?: StreamTimes;
}

/** One answer. */
export interface Reading<State> {
  /** Everything that was read, in an order of its own, to tell a change from a repetition. */
  readonly contents: string;
  /**
   * Null when nothing of it is taken, for which `findings` has errors. `generation` is the number that the
   * state would have, `before` the last good one.
   */
  verify(
    generation: number,
    reader: { readonly nowMs: number; readonly before: State | null },
    findings: Findings,
  ): State | null;
}

/** How the answers of one method are read. */
export interface StreamMethod<State> {
  readonly name: 'FetchX509SVID' | 'FetchX509Bundles';
  /** Null when `findings` has errors. @throws MessageError */
  read(message: Buffer, address: SocketAddress, findings: Findings): Reading<State> | null;
}

/** An answer that does not verify may do so when the clock is right: agents do not send it again. */
const VERIFY_AGAIN_MS = 5_000;

/**
 * Resolves with the first good state, however long that takes: an agent that starts, or a registration that
 * is yet to come, is nothing unusual. The process stays alive meanwhile.
 * @throws ERR_WORKLOAD_API_ADDRESS, ERR_WORKLOAD_API_ABORTED
 */
export async function openStreamSource<State>(
  options: WorkloadApiOptions,
  method: StreamMethod<State>,
): Promise<Source<State>> {
  const { signal, onWaiting } = options;
  const source = new StreamSource(parseSocketAddress(options.socket), options, method);
  // Timers of the clock keep no process alive, and between two attempts there is nothing else.
  const { port1: alive } = new MessageChannel();
  alive.ref();
  try {
    await firstState(source, {
      signal,
      onWaiting: (problems) => {
        for (const problem of problems) onWaiting?.(problem);
      },
      ended: gaveUp,
    });
  } catch (error) {
    source.close();
    throw error;
  } finally {
    alive.close();
  }
  return source;
}

function gaveUp(problems: readonly Diagnostic[]): SallyportError {
  const [last] = problems;
  const message = `gave up waiting for the Workload API${last === undefined ? '' : `: ${last.message}`}`;
  const hint = last?.hint === undefined ? {} : { hint: last.hint };
  return new SallyportError('ERR_WORKLOAD_API_ABORTED', message, { diagnostics: problems, ...hint });
}

class StreamSource<State> extends SourceBase<State> {
  readonly #address: SocketAddress;
  readonly #clock: Clock;
  readonly #method: StreamMethod<State>;
  readonly #watch: { close(): void };
  /** Contents behind the current state. */
  #loaded = '';
  #generation = 0;
  #again: Timer | undefined;

  constructor(address: SocketAddress, options: WorkloadApiOptions, method: StreamMethod<State>) {
    super();
    this.#address = address;
    this.#clock = options.clock ?? systemClock;
    this.#method = method;
    this.#watch = watchWorkloadApi({
      address,
      method: method.name,
      clock: this.#clock,
      random: options.random ?? Math.random,
      times: options.times,
      onMessage: (message) => this.#take(message),
      onFailure: (problem) => this.#keep(problem),
    });
  }

  close(): void {
    this.#again?.cancel();
    this.#watch.close();
  }

  #take(message: Buffer): void {
    this.#again?.cancel();
    const findings = new Findings();
    const reading = this.#method.read(message, this.#address, findings);
    if (reading === null) this.report(findings.list);
    else this.#judge(reading, findings);
  }

  #judge(reading: Reading<State>, findings: Findings): void {
    const ofReading = new Findings();
    ofReading.add(findings);
    const reader = { nowMs: this.#clock.now(), before: this.current() };
    const state = reading.verify(this.#generation + 1, reader, findings);
    if (state === null) {
      this.#again = this.#clock.after(VERIFY_AGAIN_MS, () => {
        this.#judge(reading, ofReading);
      });
    } else if (reading.contents !== this.#loaded) {
      this.#loaded = reading.contents;
      this.#generation++;
      this.publish(state);
    }
    this.report(findings.list);
  }

  /** The stream ended: the last good state stays, and what waits for its time comes again. */
  #keep(problem: Diagnostic): void {
    this.#again?.cancel();
    this.report([problem]);
  }
}
