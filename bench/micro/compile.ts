// What the loader process does before it answers: policy text to policies, policies to a table.
import { compile } from '../../policy/compile.ts';
import { type ParsedPolicies, parsePolicies } from '../../policy/parse.ts';
import { authorizationPolicies, benchRules } from '../rules.ts';
import { OPTIONS, WORKLOAD } from './decision-rules.ts';
import { type Figure, fastestOf, type Task } from './measure.ts';

const SIZES = [10, 1_000, 10_000];
/** Rules of one run: few rules are done often, so that the clock can tell. */
const RULES_PER_RUN = 1_000;
const TURNS = 4;

/** Milliseconds of one parse and of one compilation, and what the table weighs. */
export async function compileFigures(turns = TURNS, sizes: readonly number[] = SIZES): Promise<Figure[]> {
  const sets = sizes.map(setOf);
  const figures = await fastestOf(
    sets.flatMap(({ tasks }) => tasks),
    turns,
  );
  return [...figures, ...sets.map(({ weight }) => weight)];
}

function setOf(size: number): { tasks: Task[]; weight: Figure } {
  const operations = Math.ceil(RULES_PER_RUN / size);
  const rules = `${size.toLocaleString('en')} rules`;
  const files = filesOf(size);
  const parse = (): ParsedPolicies => {
    const parsed = parsePolicies(files, OPTIONS, 0);
    if (parsed.refused.length > 0) throw new Error(`${parsed.refused.length} policies were refused`);
    return parsed;
  };
  const { policies } = parse();
  const table = compile(policies, WORKLOAD, OPTIONS);
  const { code, groups, rules: words, hash, nodes, lists, cidrs, blob } = table;
  const arrays = [code, groups, words, hash, nodes, lists, cidrs];
  const bytes = arrays.reduce((sum, { byteLength }) => sum + byteLength, blob.length);
  const repeated = (run: () => unknown) => (): void => {
    for (let i = 0; i < operations; i++) run();
  };
  return {
    tasks: [
      { name: `parse ${rules}`, unit: 'ms', operations, run: repeated(parse) },
      {
        name: `compile ${rules}`,
        unit: 'ms',
        operations,
        run: repeated(() => compile(policies, WORKLOAD, OPTIONS)),
      },
    ],
    weight: { name: `table of ${rules}`, value: bytes / 1e6, unit: 'MB' },
  };
}

/** The policies of the harness itself: YAML, ten rules a policy, ten policies a file. */
function filesOf(size: number): { file: string; text: string }[] {
  const allowed = { principal: 'example.org/ns/shop/sa/web', methods: ['GET'], path: '/items/*' };
  const files = authorizationPolicies(benchRules(size, allowed), WORKLOAD.namespace);
  return [...files].map(([file, text]) => ({ file, text }));
}
