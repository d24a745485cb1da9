// `npm run fuzz -- --minutes N [--seed S]`: random messages through our parsers and llhttp until the time is
// over. Prints progress, and every finding with its seed and its input, made as short as it gets. Exit 1 with
// findings.
import { parseArgs } from 'node:util';
import { type Case, caseOf } from './cases.ts';
import { compare } from './compare.ts';

const PROGRESS_MS = 30_000;
const FINDINGS_MAX = 20;

const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } });
const minutes = Number(values.minutes ?? '1');
const firstSeed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
console.log(
  `fuzzing the HTTP/1.1 parsers against llhttp ${process.versions['llhttp']}: ${minutes} min, seed ${firstSeed}`,
);
process.exitCode = run(firstSeed, minutes * 60_000) === 0 ? 0 : 1;

/** Returns the number of findings. */
function run(seed: number, forMs: number): number {
  const start = performance.now();
  let printed = start;
  let executions = 0;
  let accepted = 0;
  let messages = 0;
  let findings = 0;
  const faults = new Map<string, number>();
  const progress = (now: number): void => {
    const rate = Math.round((executions * 1_000) / (now - start));
    const share = ((accepted * 100) / executions).toFixed(1);
    const elapsed = ((now - start) / 60_000).toFixed(1);
    console.log(
      `${elapsed} min: ${executions} executions, ${rate}/s, ${share} % without fault, ` +
        `${messages} messages compared, ${faults.size} kinds of fault, ${findings} findings, ` +
        `next seed ${seed + executions}`,
    );
  };
  for (;;) {
    const now = performance.now();
    if (now - printed > PROGRESS_MS) {
      progress(now);
      printed = now;
    }
    if (now - start > forMs || findings >= FINDINGS_MAX) break;
    const one = caseOf(seed + executions);
    const outcome = tryCompare(one);
    if (outcome.finding !== null) {
      findings++;
      report(seed + executions, one, outcome.finding);
    }
    if (outcome.fault === null) accepted++;
    else faults.set(outcome.fault, (faults.get(outcome.fault) ?? 0) + 1);
    messages += outcome.messages;
    executions++;
  }
  progress(performance.now());
  console.log(
    [...faults]
      .sort((a, b) => b[1] - a[1])
      .map(([fault, count]) => `  ${fault}: ${count}`)
      .join('\n'),
  );
  return findings;
}

/** A defect that throws is a finding too. */
function tryCompare({ kind, text, cuts }: Case): ReturnType<typeof compare> {
  try {
    return compare(kind, text, cuts);
  } catch (error) {
    return {
      finding: `thrown: ${error instanceof Error ? error.stack : String(error)}`,
      messages: 0,
      fault: null,
    };
  }
}

function report(seed: number, one: Case, finding: string): void {
  const text = shorten(one, finding.startsWith('thrown'));
  console.log(`FINDING seed ${seed} (${one.kind}): ${finding}`);
  console.log(`  shortest: ${JSON.stringify(text)}: ${tryCompare({ ...one, text }).finding}`);
}

/** Drops pieces as long as something of the same kind is still found. */
function shorten(one: Case, thrown: boolean): string {
  let { text } = one;
  for (let size = Math.ceil(text.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < text.length; ) {
      const shorter = text.slice(0, at) + text.slice(at + size);
      const { finding } = tryCompare({ ...one, text: shorter });
      if (finding !== null && finding.startsWith('thrown') === thrown) text = shorter;
      else at += size;
    }
  }
  return text;
}
