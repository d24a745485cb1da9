// What the page and the documents say about a run in words: where it ran, what was missed, how it was
// measured.
import type { Claim } from '../claim.ts';
import type { RunResult } from '../result.ts';
import type { Table } from '../table.ts';
import { grouped } from './figures.ts';

export interface SortedClaims {
  /** Failed, then unclear, then not measured. */
  readonly missed: readonly Claim[];
  readonly held: readonly Claim[];
}

const MISSED_ORDER = ['does not hold', 'unclear', 'not measured'] as const;

/** Whatever is not shown to hold counts as missed. */
export function sortedClaims(result: RunResult): SortedClaims {
  const claims = result.scenarios.flatMap((scenario) => scenario.claims);
  return {
    missed: MISSED_ORDER.flatMap((verdict) => claims.filter((claim) => claim.verdict === verdict)),
    held: claims.filter(({ verdict }) => verdict === 'holds'),
  };
}

/** What a reader needs to judge the figures, in a line each. */
export function factsOf({
  at,
  mode,
  tookSeconds,
  machine,
  software,
}: RunResult): [name: string, text: string][] {
  const { cpu, cpus, memoryGb, kernel, loadBefore, stealShare } = machine;
  const steal =
    stealShare === null
      ? ''
      : `; other guests took ${(stealShare * 100).toFixed(1)} % of its CPU time in the run`;
  return [
    ['when', `${minuteOf(at)}, ${mode} run of ${grouped(Math.round(tookSeconds))} s`],
    ['machine', `${cpus} CPUs, ${cpu}, ${memoryGb.toFixed(1)} GB, Linux ${kernel}`],
    [
      'software',
      `sallyport ${software.sallyport}, commit ${software.commit ?? 'unknown'}, Node ${software.node}, OpenSSL ${software.openssl}`,
    ],
    ['load', `${loadBefore.toFixed(2)} in the minute before${steal}`],
  ];
}

/** `2026-11-22 12:51 UTC` */
function minuteOf(at: string): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** Below the title of a picture that stands alone. */
export function pictureSubtitle({ at, machine, software }: RunResult): string {
  const build = `sallyport ${software.sallyport} (${software.commit ?? 'no commit'})`;
  return `${at.slice(0, 10)}, ${machine.cpu}, ${build}, less is better`;
}

/** Sends the reader to the notes, which may take a figure back; empty when there are none. */
export function notesLine({ scenarios }: RunResult): string {
  const count = scenarios.flatMap(({ notes }) => notes).length;
  if (count === 0) return '';
  return `${count === 1 ? 'A note says' : `${count} notes say`} what was skipped, failed or misleads.`;
}

/** In five lines. */
export function methodOf({ machine }: RunResult): string[] {
  const { pinned } = machine;
  const where =
    pinned === null
      ? 'Nothing was pinned to a CPU: the load took time from what it measured.'
      : `The proxy was pinned to CPU ${pinned.proxy}, the load, a process of its own, to ${pinned.load}.`;
  return [
    'Every peer ran on this machine in this run, with the same certificates, TLS 1.3 only and no resumption, before the same application. Each had to prove first that mutual TLS is required and that what must be denied is denied; one that did not is named in the notes and was not measured.',
    where,
    'CPU time is that of the proxy’s whole process tree, in a closed loop, read together with the number of answered requests.',
    'Latency is measured at constant rates and counts from when the load saw that a request was due, so that a stall is not left out; added latency is the difference to no proxy within the same round.',
    'Peers took turns, round after round. Ratios are taken inside a round, then the median; where the quartiles of the rounds are more than 15 % of the median apart (fewer than five rounds: the ends, 30 %), “noisy” or a range with a question mark stands instead of a figure.',
  ];
}

/** Who was measured, as their checks saw them. */
export function peersTable(result: RunResult): Table {
  return {
    title: 'Peers as measured',
    columns: ['peer', 'version', 'TLS', 'rules'],
    rows: result.peers.map(({ name, version, tls, rules }) => [name, version, tls, grouped(rules)]),
  };
}
