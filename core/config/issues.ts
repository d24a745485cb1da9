// Turns what the schema refuses into words: which key, what is wrong with it, what to write instead.
import type { core } from 'zod/mini';
import { didYouMean } from '../errors.ts';
import { formatPath, type SchemaKeys } from './schema-keys.ts';

/** One fault of the file. `onKey`: the key itself is wrong, not its value. */
export interface Fault {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly onKey: boolean;
  readonly message: string;
  readonly hint?: string | undefined;
}

type Issue = core.$ZodIssue;
type Path = readonly PropertyKey[];

// Parts of the design that this version does not have. Refused by name: ignoring one could leave a door open.
const KEYS_NOT_BUILT = new Set(['workers', 'listeners[].routes', 'listeners[].upstream.endpoints']);
const VALUES_NOT_BUILT = new Set(['listeners[].protocol=tcp', 'listeners[].protocol=postgres']);
const NOT_BUILT = {
  code: 'ERR_CONFIG_NOT_BUILT',
  hint: 'this version does not have it; docs/config.md lists what it has',
};

/**
 * The faults behind one issue; `value` is what the file holds, as plain data, and `keys` what it may hold.
 */
export function faultsOf(issue: Issue, value: unknown, keys: SchemaKeys): Fault[] {
  const path = issue.path;
  const at = { path, onKey: false };
  const name = formatPath(path);
  const held = valueAt(value, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey([...path, key], keys));
    case 'invalid_union':
      return unionFaults(issue.errors, { path, held, value, keys });
    case 'invalid_type':
      return [typeFault(path, issue.expected, held, keys)];
    case 'invalid_value':
      return [choiceFault(path, held, issue.values, keys)];
    case 'too_small':
    case 'too_big':
      return [rangeFault(path, held, keys)];
    case 'invalid_key':
      return [
        {
          code: 'ERR_CONFIG_VALUE',
          path,
          onKey: true,
          message: `the key \`${String(path.at(-1))}\` ${issue.issues[0]?.message ?? 'is not accepted'}`,
        },
      ];
    default: {
      const hint: unknown = issue.code === 'custom' ? issue.params?.['hint'] : undefined;
      const shown = isSecret(path, keys) ? '' : ` \`${clip(String(held))}\``;
      const message = `\`${name}\`:${shown} ${issue.message}`;
      return [
        { code: 'ERR_CONFIG_VALUE', ...at, message, hint: typeof hint === 'string' ? hint : undefined },
      ];
    }
  }
}

/** A key that nobody knows, or that is known and not built. */
export function unknownKey(path: Path, keys: SchemaKeys): Fault {
  const at = { path, onKey: true };
  const key = String(path.at(-1));
  if (KEYS_NOT_BUILT.has(patternOf(path)))
    return { ...NOT_BUILT, ...at, message: `\`${formatPath(path)}\` is not built yet` };
  const names = keys.namesAt(path.slice(0, -1));
  const near = didYouMean(key, names);
  return {
    code: 'ERR_CONFIG_KEY',
    ...at,
    message: `unknown key \`${formatPath(path)}\``,
    hint: near === undefined ? `known here: ${names.join(', ')}` : `did you mean \`${near}\`?`,
  };
}

/** Of several forms the one that was meant is the one whose type fits; its faults are the faults. */
function unionFaults(
  forms: readonly Issue[][],
  of: { path: Path; held: unknown; value: unknown; keys: SchemaKeys },
): Fault[] {
  const { path, held, value, keys } = of;
  const fits = (issues: Issue[]): boolean =>
    !issues.some((i) => i.path.length === 0 && (i.code === 'invalid_type' || i.code === 'invalid_value'));
  const meant = forms.find(fits) ?? forms.find((issues) => issues[0]?.code === 'invalid_value');
  if (meant === undefined || held === null) return [typeFault(path, 'object', held, keys)];
  return meant.flatMap((issue) => {
    // A text in place of a mapping is its address: the fault is at the text.
    const inner = typeof held === 'string' ? [] : issue.path;
    return faultsOf({ ...issue, path: [...path, ...inner] }, value, keys);
  });
}

const EXPECTED: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
};

function typeFault(path: Path, expected: string, held: unknown, keys: SchemaKeys): Fault {
  const name = formatPath(path);
  const facts = keys.factsAt(path);
  const allowed = facts === undefined ? undefined : `allowed: ${facts.allowed}`;
  if (held === undefined)
    return {
      code: 'ERR_CONFIG_MISSING',
      path,
      onKey: false,
      message: `\`${name}\` is missing`,
      hint: allowed,
    };
  if (held === null)
    return {
      code: 'ERR_CONFIG_EMPTY',
      path,
      onKey: true,
      message: `\`${name}\` has no value`,
      hint: 'remove the key or give it a value',
    };
  const scalar = facts !== undefined && !['map', 'list'].includes(facts.kind);
  const wanted =
    scalar && facts.kind !== 'choice' ? withArticle(facts.kind) : (EXPECTED[expected] ?? expected);
  const quotes = wanted === 'a text' && ['number', 'boolean'].includes(typeof held);
  return {
    code: 'ERR_CONFIG_TYPE',
    path,
    onKey: false,
    message: `\`${name}\` must be ${wanted}${isSecret(path, keys) ? '' : `, not ${describe(held)}`}`,
    hint: quotes ? `put it in quotes${isSecret(path, keys) ? '' : `: \`"${String(held)}"\``}` : allowed,
  };
}

function choiceFault(path: Path, held: unknown, values: readonly unknown[], keys: SchemaKeys): Fault {
  if (held === null || held === undefined || typeof held === 'object')
    return typeFault(path, 'string', held, keys);
  const at = { path, onKey: false };
  const name = formatPath(path);
  const text = String(held);
  if (VALUES_NOT_BUILT.has(`${patternOf(path)}=${text}`))
    return { ...NOT_BUILT, ...at, message: `\`${name}: ${text}\` is not built yet` };
  const words = values.map(String);
  const near = didYouMean(text, words);
  // YAML 1.2 reads `off` as text; `false` comes from a reader of YAML 1.1 that wrote the file.
  const written = near !== undefined ? `did you mean \`${near}\`? ` : '';
  return {
    code: 'ERR_CONFIG_VALUE',
    ...at,
    message: `\`${name}\` is \`${clip(text)}\``,
    hint: `${written}allowed: ${keys.factsAt(path)?.allowed ?? words.join(', ')}`,
  };
}

function rangeFault(path: Path, held: unknown, keys: SchemaKeys): Fault {
  const name = formatPath(path);
  const message = Array.isArray(held)
    ? `\`${name}\` has ${held.length === 0 ? 'no entries' : `${held.length} entries, which is too many`}`
    : `\`${name}\` is ${clip(String(held))}, out of range`;
  const facts = keys.factsAt(path);
  return {
    code: 'ERR_CONFIG_VALUE',
    path,
    onKey: false,
    message,
    hint: facts === undefined ? undefined : `allowed: ${facts.allowed}`,
  };
}

const patternOf = (path: Path): string =>
  formatPath(path.map((step) => (typeof step === 'number' ? 0 : step))).replaceAll('[0]', '[]');

/** True when what the file holds at `path` must not be repeated. */
const isSecret = (path: Path, keys: SchemaKeys): boolean => keys.factsAt(path)?.secret === true;

const withArticle = (noun: string): string => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'string') return `the text \`${clip(value)}\``;
  return `the ${typeof value} \`${String(value)}\``;
}

const clip = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text);

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = Reflect.get(at, step);
  }
  return at;
}
