// Runs micro-benches and prints their figures: node bench/micro/main.ts [NAME…] [--json]
import { decisionFigures } from './decision.ts';
import { measureHeadParser } from './head-parser.ts';
import { type Figure, report } from './measure.ts';
import { measureRecord } from './record.ts';
import { svidFigures } from './svid.ts';

const BENCHES: Readonly<Record<string, () => Figure[] | Promise<Figure[]>>> = {
  decision: decisionFigures,
  head: () => measureHeadParser().map(nanoseconds),
  record: async () => (await measureRecord()).map(nanoseconds),
  svid: svidFigures,
};

const args = process.argv.slice(2);
const json = args.includes('--json');
const named = args.filter((arg) => arg !== '--json');
const unknown = named.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  console.error(`no micro-bench \`${unknown[0]}\`; there are: ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}
const figures: Figure[] = [];
for (const [name, run] of Object.entries(BENCHES)) {
  if (named.length === 0 || named.includes(name)) figures.push(...(await run()));
}
report(figures, json);

function nanoseconds({ name, ns }: { name: string; ns: number }): Figure {
  return { name, value: ns, unit: 'ns' };
}
