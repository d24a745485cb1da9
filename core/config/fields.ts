// The kinds of values that a configuration key may have, as zod schemas with what the documentation says
// about them. The one file of core that knows zod: its small form, because every start builds and uses these
// schemas. PERF: 60 ms of CPU less from sources, 25 emitted; bench `start`.
import * as z from 'zod/mini';
import type { TextRule } from './text-rule.ts';
import { type Parsed, parseDuration, parseSize } from './values.ts';

/** What a reader wants to know about one key. */
export interface KeyFacts {
  readonly kind: 'duration' | 'size' | 'address' | 'path' | 'text' | 'number' | 'choice' | 'map' | 'list';
  /** What may be written, in Markdown. */
  readonly allowed: string;
  /** As written in YAML; absent when the key is required. */
  readonly default?: string;
  /** True when neither the value nor the line that it stands on is ever shown. */
  readonly secret?: true;
}

// A file is read once: code made for it by `new Function` costs more than it saves.
z.config({ jitless: true });

/** Any schema. */
export type Schema = z.core.$ZodType;

const facts = new WeakMap<Schema, KeyFacts>();

/** The facts of a leaf; undefined for a section. */
export const factsOf = (schema: Schema): KeyFacts | undefined => facts.get(schema);

/** What the documentation says about a key or a section. */
export const descriptionOf = (schema: Schema): string => z.globalRegistry.get(schema)?.description ?? '';

function described<S extends Schema>(schema: S, description: string): S {
  z.globalRegistry.add(schema, { description });
  return schema;
}

/** A schema with its facts and its description. */
export function leaf<S extends Schema>(schema: S, about: KeyFacts, description: string): S {
  facts.set(schema, about);
  return described(schema, description);
}

/** A mapping whose keys are all known; any other key is refused. */
export const section = <S extends z.core.$ZodShape>(shape: S, description: string) =>
  described(z.strictObject(shape), description);

/** A section that may be left out: every key in it has a default. */
export const optionalSection = <S extends z.core.$ZodShape>(shape: S, description: string) =>
  described(z.prefault(z.strictObject(shape), {} as never), description);

/** A list of 1 to `max` sections. */
export const sections = <S extends z.core.SomeType>(item: S, max: number, description: string) =>
  described(z.array(item).check(z.minLength(1), z.maxLength(max)), description);

/** A list of at most `max` sections, empty by default. */
export const optionalSections = <S extends z.core.SomeType>(item: S, max: number, description: string) =>
  described(z.prefault(z.array(item).check(z.maxLength(max)), []), description);

/** What may be left out, which reads as undefined. */
export const absentOr = <S extends z.core.SomeType>(item: S, description: string) =>
  described(z.optional(item), description);

/** A section that may be left out: what it is about is then off. */
export const absentSection = <S extends z.core.$ZodShape>(shape: S, description: string) =>
  absentOr(z.strictObject(shape), description);

/**
 * A string that `parse` turns into a value; the fault becomes the issue's message, the hint goes with it.
 * `pattern` is what the JSON Schema says: it accepts whatever `parse` does, and some more.
 */
export function parsed<T>(parse: (text: string) => Parsed<T>, pattern: string) {
  return z.pipe(
    z.string().register(z.globalRegistry, { pattern }),
    z.transform((text: string, { issues }): T => {
      const result = parse(text);
      if ('value' in result) return result.value;
      const { fault: message, hint } = result;
      issues.push({ code: 'custom', input: text, message, params: { hint } });
      return z.NEVER;
    }),
  );
}

/** `schema`, with what is read in its place when the key is absent. */
export const withDefault = z.prefault;

/** Bounds and default as written in YAML. With `none`, that word is accepted and reads as Infinity. */
interface Range {
  readonly default: string;
  readonly min: string;
  readonly max: string;
  readonly none?: boolean;
}

const UNITS = { duration: 'ms|s|m|h|d', size: 'B|KiB|MiB|GiB' } as const;

function quantity(
  kind: 'duration' | 'size',
  parse: (text: string) => Parsed<number>,
  range: Range,
  description: string,
) {
  const bound = (text: string): number => {
    const result = parse(text);
    return 'value' in result ? result.value : Number.NaN;
  };
  const [min, max] = [bound(range.min), bound(range.max)];
  const allowed = `${range.min} to ${range.max}${range.none ? ', or `none`' : ''}`;
  const schema = parsed(
    (text): Parsed<number> => {
      if (text === 'none' && range.none) return { value: Number.POSITIVE_INFINITY };
      const result = parse(text);
      if ('fault' in result || (result.value >= min && result.value <= max)) return result;
      return { fault: 'is out of range', hint: `allowed: ${allowed}` };
    },
    `^[0-9]+(${UNITS[kind]})$${range.none ? '|^none$' : ''}`,
  );
  return leaf(z.prefault(schema, range.default), { kind, allowed, default: range.default }, description);
}

/** `30s`; milliseconds. */
export const duration = (range: Range, description: string) =>
  quantity('duration', parseDuration, range, description);

/** `64KiB`; bytes. */
export const size = (range: Range, description: string) => quantity('size', parseSize, range, description);

const whole = ({ min, max }: { min: number; max: number }) =>
  z.number().check(z.int(), z.gte(min), z.lte(max));

/** A whole number. */
export function count(range: { min: number; max: number; default: number }, description: string) {
  const schema = z.prefault(whole(range), range.default);
  const allowed = `${range.min} to ${range.max}`;
  return leaf(schema, { kind: 'number', allowed, default: String(range.default) }, description);
}

/** A whole number that has no default of its own; `otherwise` says in words what holds without it. */
export function optionalCount(range: { min: number; max: number; otherwise: string }, description: string) {
  const schema = z.optional(whole(range));
  return leaf(
    schema,
    { kind: 'number', allowed: `${range.min} to ${range.max}`, default: range.otherwise },
    description,
  );
}

/** A whole number without a default. */
export const requiredCount = (range: { min: number; max: number }, description: string) =>
  leaf(whole(range), { kind: 'number', allowed: `${range.min} to ${range.max}` }, description);

/** A part of one, 0 to 1. */
export const fraction = (initial: number, description: string) =>
  leaf(
    z.prefault(z.number().check(z.gte(0), z.lte(1)), initial),
    { kind: 'number', allowed: '0 to 1', default: String(initial) },
    description,
  );

const listed = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(', ');

/** One of a few words. */
export const choice = <const T extends readonly [string, ...string[]]>(
  values: T,
  initial: NoInfer<T[number]>,
  description: string,
) =>
  leaf(
    z.prefault(z.enum(values), initial as never),
    { kind: 'choice', allowed: listed(values), default: initial },
    description,
  );

/** One of a few words, or nothing; `otherwise` says in Markdown what holds then. */
export const optionalChoice = <const T extends readonly [string, ...string[]]>(
  values: T,
  otherwise: string,
  description: string,
) =>
  leaf(
    z.optional(z.enum(values)),
    { kind: 'choice', allowed: listed(values), default: otherwise },
    description,
  );

/** One of `words`, or `{ trust: n }`: how many proxies before this one are trusted. */
export const hops = <const T extends readonly [string, ...string[]]>(
  words: T,
  initial: NoInfer<T[number]>,
  max: number,
  description: string,
) =>
  leaf(
    z.prefault(z.union([z.enum(words), z.strictObject({ trust: whole({ min: 1, max }) })]), initial as never),
    {
      kind: 'choice',
      allowed: `${listed(words)}, \`{ trust: 1 }\` to \`{ trust: ${max} }\``,
      default: initial,
    },
    description,
  );

/** A text that `accepts` accepts. */
export const ruled = ({ allowed, accepts }: TextRule) =>
  z.string().check(z.refine(accepts, { error: `is not ${allowed}` }));

/** A required text. */
export const text = (rule: TextRule, description: string) =>
  leaf(ruled(rule), { kind: 'text', allowed: rule.allowed }, description);

/** A text with a default. */
export const textOr = (initial: string, rule: TextRule, description: string) =>
  leaf(
    z.prefault(ruled(rule), initial),
    { kind: 'text', allowed: rule.allowed, default: initial },
    description,
  );

/** A text that may be absent; `otherwise` says in words what holds then. */
export const optionalText = (otherwise: string, rule: TextRule, description: string) =>
  leaf(z.optional(ruled(rule)), { kind: 'text', allowed: rule.allowed, default: otherwise }, description);

export const LIST_MAX = 100;

const listFacts = ({ allowed }: TextRule) => ({ kind: 'list', allowed: `a list, each ${allowed}` }) as const;

/** A list of texts, empty by default. */
export const texts = (rule: TextRule, description: string) =>
  leaf(
    z.prefault(z.array(ruled(rule)).check(z.maxLength(LIST_MAX)), []),
    { ...listFacts(rule), default: '[]' },
    description,
  );

/** A list of at least one text. */
export const requiredTexts = (rule: TextRule, description: string) =>
  leaf(z.array(ruled(rule)).check(z.minLength(1), z.maxLength(LIST_MAX)), listFacts(rule), description);

const mapped = ({ key, value }: { key: TextRule; value: TextRule }) => ({
  schema: z.record(ruled(key), ruled(value)),
  facts: { kind: 'map', allowed: `a mapping; keys: ${key.allowed}; values: ${value.allowed}` } as const,
});

/** Texts by key. */
export function textMap(rules: { key: TextRule; value: TextRule }, description: string) {
  const { schema, facts } = mapped(rules);
  return leaf(z.prefault(schema, {}), { ...facts, default: '{}' }, description);
}

/** Texts by key that nobody is shown. */
export function secretMap(rules: { key: TextRule; value: TextRule }, description: string) {
  const { schema, facts } = mapped(rules);
  return leaf(z.prefault(schema, {}), { ...facts, default: '{}', secret: true }, description);
}

/** Texts by key, at least one. */
export function requiredTextMap(rules: { key: TextRule; value: TextRule }, description: string) {
  const { schema, facts } = mapped(rules);
  return leaf(schema, facts, description);
}

/** A section, or just its `address` as a text. */
export const addressOrSection = <S extends z.core.$ZodType<{ address: unknown }, { address: string }>>(
  section: S,
  description: string,
) => {
  const asSection = z.transform((address: string) => ({ address }));
  return described(z.union([section, z.pipe(z.pipe(z.string(), asSection), section)]), description);
};

/** What a schema's value is. */
export type ValueOf<S extends Schema> = z.output<S>;

/** What the file may hold, as JSON Schema 2020-12. */
export const jsonSchemaOf = (schema: Schema): Record<string, unknown> =>
  z.toJSONSchema(schema, { io: 'input', reused: 'inline' });
