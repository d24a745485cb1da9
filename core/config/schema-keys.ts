// Walks a configuration schema: every key with its facts, for did-you-mean, `config explain`, the reference
// and the JSON Schema. Reads zod's own description of a schema, so that nothing about a key is written twice.
import { descriptionOf, factsOf, jsonSchemaOf, type KeyFacts, type Schema } from './fields.ts';

/** One key. `path` is `listeners[].limits.headers`; a section has no facts. */
export interface ConfigKey {
  readonly path: string;
  readonly description: string;
  readonly facts: KeyFacts | undefined;
}

/** The keys of one kind of file. */
export class SchemaKeys {
  readonly schema: Schema;
  readonly title: string;
  /** Completes a hint for who has no such file yet. */
  readonly example: string;

  constructor(schema: Schema, { title, example }: { title: string; example: string }) {
    this.schema = schema;
    this.title = title;
    this.example = example;
  }

  /** Every key, in the order of the schema, a section before the keys in it. */
  all(): ConfigKey[] {
    return keysOf(this.schema, '');
  }

  /** The file as JSON Schema 2020-12. */
  jsonSchema(): Record<string, unknown> {
    return { title: this.title, ...jsonSchemaOf(this.schema) };
  }

  /** The sections that hold a secret. A misspelt key in one would hold it as well. */
  secretSections(): string[][] {
    const secret = this.all().filter(({ facts }) => facts?.secret === true);
    return secret.map(({ path }) => path.split('.').slice(0, -1));
  }

  /** The names that may stand in the section at `path`; empty when there is no such section. */
  namesAt(path: readonly PropertyKey[]): string[] {
    const shape = shapeOf(this.#schemaAt(path));
    return shape === undefined ? [] : Object.keys(shape);
  }

  /** The facts of the key at `path`; undefined for a section. */
  exactFacts(path: readonly PropertyKey[]): KeyFacts | undefined {
    const schema = this.#schemaAt(path);
    return schema && factsOf(schema);
  }

  /** The facts of the key at `path`, or of the list or mapping that an entry at `path` belongs to. */
  factsAt(path: readonly PropertyKey[]): KeyFacts | undefined {
    for (let n = path.length; n > 0; n--) {
      const facts = this.exactFacts(path.slice(0, n));
      if (facts !== undefined) return facts;
    }
    return undefined;
  }

  #schemaAt(path: readonly PropertyKey[]): Schema | undefined {
    let schema: Schema | undefined = this.schema;
    for (const step of path) {
      if (schema === undefined) return undefined;
      schema = typeof step === 'number' ? elementOf(schema) : shapeOf(schema)?.[String(step)];
    }
    return schema;
  }
}

/** `['listeners', 0, 'limits']` -> `listeners[0].limits`. */
export function formatPath(path: readonly PropertyKey[]): string {
  let out = '';
  for (const step of path) {
    if (typeof step === 'number') out += `[${step}]`;
    else
      out += `${out === '' ? '' : '.'}${/^[\w-]+$/.test(String(step)) ? String(step) : `"${String(step)}"`}`;
  }
  return out;
}

function keysOf(schema: Schema, prefix: string): ConfigKey[] {
  const keys: ConfigKey[] = [];
  for (const [name, child] of Object.entries(shapeOf(schema) ?? {})) {
    const element = elementOf(child);
    const list = element !== undefined && factsOf(child) === undefined;
    const path = `${prefix}${name}${list ? '[]' : ''}`;
    keys.push({ path, description: descriptionOf(child), facts: factsOf(child) });
    if (factsOf(child) === undefined) keys.push(...keysOf(list ? element : child, `${path}.`));
  }
  return keys;
}

/** The keys of a mapping, also of one behind a default or one form of several. */
function shapeOf(schema: Schema | undefined): Readonly<Record<string, Schema>> | undefined {
  const def = schema === undefined ? undefined : definitionOf(schema);
  if (def === undefined) return undefined;
  if (def.shape !== undefined) return def.shape;
  if (def.innerType !== undefined) return shapeOf(def.innerType);
  return def.options?.map(shapeOf).find((shape) => shape !== undefined);
}

function elementOf(schema: Schema): Schema | undefined {
  const def = definitionOf(schema);
  return def.element ?? (def.innerType === undefined ? undefined : elementOf(def.innerType));
}

/** The parts of zod's definitions that hold other schemas (zod 4, `schema._zod.def`). */
interface Definition {
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly innerType?: Schema;
  readonly options?: readonly Schema[];
  readonly element?: Schema;
}

// A definition's type names no part; which parts exist depends on the schema's kind, so each is optional
// here.
const definitionOf = (schema: Schema): Definition => schema._zod.def as Definition;
