// The options of `policy suggest`, checked.
import { VALUES_MIN, VALUES_MIN_MAX, WIDTH_MAX, WIDTH_MAX_MAX } from '../../policy/suggest/limits.ts';
import { isLabelValue, type Labels } from '../../policy/suggest/suggestion.ts';
import { usage } from '../args.ts';
import { FLOWS_OPTIONS } from '../flows/input.ts';

/** For `parseArgs`. */
export const SUGGEST_OPTIONS = {
  ...FLOWS_OPTIONS,
  against: { type: 'string', multiple: true },
  'root-namespace': { type: 'string', default: 'istio-system' },
  'min-count': { type: 'string' },
  'min-values': { type: 'string' },
  'max-width': { type: 'string' },
  label: { type: 'string', default: 'app' },
  labels: { type: 'string', multiple: true },
  out: { type: 'string' },
} as const;

const COUNT_MAX = 1_000_000_000;

/** Numbers of `policy suggest`. @throws ERR_USAGE */
export function learningOptions(values: {
  readonly 'min-count'?: string | undefined;
  readonly 'min-values'?: string | undefined;
  readonly 'max-width'?: string | undefined;
}): { minCount: number; valuesMin: number; widthMax: number } {
  return {
    minCount: whole('--min-count', values['min-count'], 1, { min: 1, max: COUNT_MAX }),
    // One value is no pattern: `{*}` would be a guess.
    valuesMin: whole('--min-values', values['min-values'], VALUES_MIN, { min: 2, max: VALUES_MIN_MAX }),
    widthMax: whole('--max-width', values['max-width'], WIDTH_MAX, { min: 2, max: WIDTH_MAX_MAX }),
  };
}

function whole(
  option: string,
  text: string | undefined,
  usual: number,
  { min, max }: { min: number; max: number },
): number {
  if (text === undefined) return usual;
  const value = Number(text);
  if (/^[0-9]{1,10}$/.test(text) && value >= min && value <= max) return value;
  throw usage(`\`${option} ${text}\` is not a whole number from ${min} to ${max}`, `the default is ${usual}`);
}

/** Labels by `namespace/account`, from `shop/cart:app=cart,tier=backend`. @throws ERR_USAGE */
export function labelsOf(values: {
  readonly label: string;
  readonly labels?: readonly string[] | undefined;
}): ReadonlyMap<string, Labels> {
  if (!isLabelKey(values.label))
    throw usage(`\`--label ${values.label}\` is no label key`, 'for example `app`');
  const byWorkload = new Map<string, Labels>();
  for (const text of values.labels ?? []) {
    const colon = text.indexOf(':');
    const workload = text.slice(0, Math.max(colon, 0));
    const pairs = text
      .slice(colon + 1)
      .split(',')
      .map((pair) => pair.split('='));
    const sound = pairs.every(
      ([key = '', value = '', ...more]) => isLabelKey(key) && isLabelValue(value) && more.length === 0,
    );
    if (workload.split('/').length !== 2 || !sound)
      throw usage(
        `\`--labels ${text}\` is not understood`,
        'for example `--labels shop/cart:app=cart,tier=backend`',
      );
    if (byWorkload.has(workload))
      throw usage(`\`--labels\` names \`${workload}\` twice`, 'join its labels by commas');
    byWorkload.set(workload, Object.fromEntries(pairs.map(([key = '', value = '']) => [key, value])));
  }
  return byWorkload;
}

/** `app`, `app.kubernetes.io/name`. */
function isLabelKey(text: string): boolean {
  const parts = text.split('/');
  return parts.length <= 2 && parts.every(isLabelValue) && text !== '__proto__';
}
