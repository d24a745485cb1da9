// Runs micro-benches and prints their figures: npm run bench:micro [-- NAME…] [--json]
import { parseArgs } from 'node:util';
import { MICRO_BENCHES } from './all.ts';
import type { Figure } from './measure.ts';

const WIDTH = Math.max(...MICRO_BENCHES.map(({ name }) => name.length));
const USAGE = `usage: npm run bench:micro [-- NAME…] [--turns N] [--json]
  --turns N  how often each piece is timed, the fastest counts: more are slower and less noisy
  --json     print one array of {bench, name, value, unit}
  --help
benches (default: all, in about a minute):
${MICRO_BENCHES.map(({ name, summary }) => `  ${name.padEnd(WIDTH)}  ${summary}`).join('\n')}`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let chosen: ReturnType<typeof choose>;
  try {
    chosen = choose(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  if (chosen.help) {
    console.log(USAGE);
    return 0;
  }
  const all: (Figure & { bench: string })[] = [];
  for (const { name, summary, run } of chosen.benches) {
    if (!chosen.json) console.log(`${all.length === 0 ? '' : '\n'}${name}: ${summary}`);
    const figures = await run(chosen.turns);
    all.push(...figures.map((figure) => ({ bench: name, ...figure })));
    if (!chosen.json) console.log(linesOf(figures).join('\n'));
  }
  if (chosen.json) console.log(JSON.stringify(all));
  return 0;
}

/** @throws on an unknown option or name */
function choose(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      turns: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const turns = values.turns === undefined ? undefined : Number(values.turns);
  if (turns !== undefined && !(Number.isSafeInteger(turns) && turns > 0))
    throw new Error(`\`--turns ${values.turns}\` is no number of turns`);
  const stranger = positionals.find((name) => !MICRO_BENCHES.some((bench) => bench.name === name));
  if (stranger !== undefined) throw new Error(`there is no micro-bench \`${stranger}\``);
  const benches = MICRO_BENCHES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  return { benches, turns, json: values.json, help: values.help };
}

function linesOf(figures: readonly Figure[]): string[] {
  const names = Math.max(...figures.map(({ name }) => name.length));
  const values = Math.max(...figures.map(({ value }) => textOf(value).length));
  return figures.map(({ name, value, unit, target }) => {
    const met = target !== undefined && value <= target ? 'within' : 'MISSES';
    const promised = target === undefined ? '' : `  ${met} ${target} ${unit}`;
    const figure = `${textOf(value).padStart(values)} ${unit.padEnd(2)}`;
    return `  ${name.padEnd(names)}  ${figure}${promised}`.trimEnd();
  });
}

/** Three decimals for what is small, none for what is large: three or four digits that mean something. */
function textOf(value: number): string {
  return value.toFixed(value < 10 ? 3 : value < 1_000 ? 1 : 0);
}
