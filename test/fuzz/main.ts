// `npm run fuzz -- --minutes N [--seed S] [--target http1|http2]`: random messages through our parsers and
// llhttp, or header blocks through ours and nghttp2, until the time is over. Prints progress, and every
// finding with its seed and its input, made as short as it gets. Exit 1 with findings.
import { parseArgs } from 'node:util';
import { type Case, caseOf } from './cases.ts';
import { type Comparison, compare } from './compare.ts';
import { http2CaseOf } from './http2-cases.ts';
import { compareHttp2 } from './http2-compare.ts';

const PROGRESS_MS = 30_000;
const FINDINGS_MAX = 20;

interface Target {
  readonly name: string;
  readonly caseOf: (seed: number) => Case;
  readonly compare: (one: Case) => Comparison | Promise<Comparison>;
}

const TARGETS: Readonly<Record<string, Target>> = {
  http1: {
    name: `the HTTP/1.1 parsers against llhttp ${process.versions['llhttp']}`,
    caseOf,
    compare: ({ kind, text, cuts }) => compare(kind, text, cuts),
  },
  http2: {
    name: `header blocks against nghttp2 ${process.versions['nghttp2']}`,
    caseOf: http2CaseOf,
    compare: compareHttp2,
  },
};

const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, target: { type: 'string' } },
});
const minutes = Number(values.minutes ?? '1');
const firstSeed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
const target = TARGETS[values.target ?? 'http1'];
if (target === undefined) {
  console.error(`unknown target \`${values.target}\`: one of ${Object.keys(TARGETS).join(', ')}`);
  process.exitCode = 2;
} else {
  console.log(`fuzzing ${target.name}: ${minutes} min, seed ${firstSeed}`);
  process.exitCode = (await run(target, firstSeed, minutes * 60_000)) === 0 ? 0 : 1;
}

/** Returns the number of findings. */
async function run(on: Target, seed: number, forMs: number): Promise<number> {
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
    const one = on.caseOf(seed + executions);
    const outcome = await tryCompare(on, one);
    if (outcome.finding !== null) {
      findings++;
      await report(on, seed + executions, { one, finding: outcome.finding });
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
async function tryCompare(on: Target, one: Case): Promise<Comparison> {
  try {
    return await on.compare(one);
  } catch (error) {
    return {
      finding: `thrown: ${error instanceof Error ? error.stack : String(error)}`,
      messages: 0,
      fault: null,
    };
  }
}

async function report(on: Target, seed: number, found: { one: Case; finding: string }): Promise<void> {
  const { one, finding } = found;
  const text = await shorten(on, one, finding.startsWith('thrown'));
  console.log(`FINDING seed ${seed} (${one.kind}): ${finding}`);
  console.log(`  shortest: ${JSON.stringify(text)}: ${(await tryCompare(on, { ...one, text })).finding}`);
}

/** Drops pieces as long as something of the same kind is still found. */
async function shorten(on: Target, one: Case, thrown: boolean): Promise<string> {
  let { text } = one;
  for (let size = Math.ceil(text.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < text.length; ) {
      const shorter = text.slice(0, at) + text.slice(at + size);
      const { finding } = await tryCompare(on, { ...one, text: shorter });
      if (finding !== null && finding.startsWith('thrown') === thrown) text = shorter;
      else at += size;
    }
  }
  return text;
}
