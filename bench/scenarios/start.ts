// From process start to /readyz 200 with 100 rules, from emitted JavaScript and from the sources.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ENTRY } from '../build.ts';
import type { Child } from '../child.ts';
import { round, upperBound } from '../claim.ts';
import { isReady, launchOurs, missingOurs, type PreparedOurs, prepareOurs } from '../peers/ours.ts';
import { summarize } from '../statistics.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

const RULES = 100;
const START_MS_MAX = 15_000;
/** An idle machine of this century starts an empty Node in less. */
const EMPTY_MS_MAX = 80;
const FORMS = [
  { name: 'emitted', entry: ENTRY.emitted, boundMs: 350 },
  { name: 'source', entry: ENTRY.source, boundMs: 600 },
] as const;

export const start: Scenario = {
  name: 'start',
  summary: `process start to ready with ${RULES} rules`,
  full: { rounds: 10, seconds: 1 },
  quick: null,
  run,
};

async function run(bench: Bench): Promise<Found> {
  const missing = missingOurs();
  // The npm package has no sources.
  const forms = FORMS.filter(({ entry }) => existsSync(entry));
  const series = forms.map((form) => ({ ...form, startsMs: [] as number[] }));
  const emptyMs: number[] = [];
  const { rounds } = bench.effort;
  if (missing === null) {
    const prepared = await prepareOurs(bench.setup, RULES);
    for (const { entry } of series) await startOnce(bench, prepared, entry); // files are in the page cache
    for (let i = 1; i <= rounds; i++) {
      for (const { entry, startsMs } of series) startsMs.push(await startOnce(bench, prepared, entry));
      emptyMs.push(await startEmpty(bench));
      const said = series.map(({ name, startsMs }) => `${name} ${round(startsMs.at(-1) ?? 0)} ms`);
      bench.progress(`start ${i}/${rounds}: ${said.join(', ')}`);
    }
  }
  return {
    claims: series.map(({ name, boundMs, startsMs }) =>
      upperBound({
        text: `start to ready from ${name} <= ${boundMs} ms`,
        bound: boundMs,
        values: startsMs,
        unit: ' ms',
        floor: { name: 'an empty Node', values: [summarize(emptyMs).median], max: EMPTY_MS_MAX },
        ...(missing === null ? {} : { missing }),
      }),
    ),
    tables: [
      {
        title: `process start to ready, ${RULES} rules, not pinned`,
        columns: ['form', 'median ms', '[min-max]'],
        rows: [...series, { name: 'empty node', startsMs: emptyMs }].map(({ name, startsMs }) => {
          const s = summarize(startsMs);
          return [name, round(s.median), `[${round(s.min)}-${round(s.max)}]`];
        }),
      },
    ],
    notes: missing === null ? [] : [missing],
    data: { ...Object.fromEntries(series.map(({ name, startsMs }) => [name, startsMs])), emptyMs },
  };
}

async function startOnce(bench: Bench, prepared: PreparedOurs, entry: string): Promise<number> {
  const startMs = performance.now();
  // Not pinned: a pod's proxy starts on whatever CPU is free, and compiles policies on a second thread.
  const child = launchOurs(bench.setup.session, prepared, { entry });
  try {
    await untilLogged(child, '"msg":"ready"');
    while (!(await isReady(prepared))) {
      if (!child.running) throw new Error(`sallyport ended: ${child.tail}`);
      if (performance.now() - startMs > START_MS_MAX)
        throw new Error(`sallyport was not ready: ${child.tail}`);
      await sleep(1);
    }
    return performance.now() - startMs;
  } finally {
    await child.stop();
  }
}

/**
 * Resolves when the process has printed `words`, has ended or had its time: to ask /readyz all along would
 * take a third of a CPU from what is measured.
 */
async function untilLogged(child: Child, words: string): Promise<void> {
  const given = AbortSignal.timeout(START_MS_MAX);
  const ended = child.exited.then(() => true);
  while (!child.tail.includes(words)) {
    const printed = once(child.process.stdout ?? child.process, 'data', { signal: given }).then(
      () => false,
      () => true,
    );
    if (await Promise.race([printed, ended])) return;
  }
}

/** Start and end of a Node that does nothing: how fast this machine is right now. */
async function startEmpty(bench: Bench): Promise<number> {
  const startMs = performance.now();
  await bench.setup.session.start({ name: 'node', command: process.execPath, args: ['-e', '0'] }).exited;
  return performance.now() - startMs;
}
