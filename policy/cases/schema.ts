// Files with cases as JSON Schema, for editors: from the names that the reader itself accepts. The reader
// checks more than a schema can say.
import { clauseKeys } from '../parse-rule.ts';
import { PLAIN_FIELDS } from './fields.ts';
import { NAME_CHARACTERS_MAX } from './limits.ts';

type Schema = Readonly<Record<string, unknown>>;
type Field = (typeof PLAIN_FIELDS)[number];

const TEXT = { type: 'string', minLength: 1 };
const PORT = { type: 'integer', minimum: 1, maximum: 65_535 };
const LABELS = { type: 'object', additionalProperties: { type: 'string' } };
const MEANINGS: Readonly<Partial<Record<Field, Schema>>> = {
  as: { ...TEXT, description: 'The caller: `namespace/account`, a SPIFFE ID or `plaintext`.' },
  request: { ...TEXT, description: '`GET cart:8080/items/7`.' },
  tcp: { ...PORT, description: 'A connection without HTTP to this port.' },
  name: { ...TEXT, maxLength: NAME_CHARACTERS_MAX },
  expect: { enum: ['allow', 'deny'] },
  rule: { ...TEXT, description: 'A rule that must be among those that decided.' },
  reason: { ...TEXT, description: 'The reason of the answer, as in docs/reasons.md.' },
};

/** The schema (2020-12) of one file. */
export function casesJsonSchema(): Schema {
  const schemaOf = (names: readonly Field[]): Schema =>
    Object.fromEntries(names.map((field) => [field, MEANINGS[field] ?? TEXT]));
  const to = closed({ namespace: TEXT, labels: LABELS, ip: TEXT, port: PORT });
  const headers = { type: 'object', additionalProperties: { anyOf: [TEXT, listOf(TEXT)] } };
  const defaults = { ...schemaOf(PLAIN_FIELDS.filter((field) => field !== 'name')), to, headers };
  const table = { columns: listOf(TEXT), rows: listOf({ type: 'array' }) };
  const groups = {
    json: { type: 'object', description: 'The whole request, as `policy eval` reads it.' },
    table: { ...closed(table), required: ['columns', 'rows'], description: 'One case for each row.' },
    matrix: { type: 'object', additionalProperties: { type: 'array', minItems: 1 } },
    except: { ...listOf({ type: 'object' }), description: 'Combinations that expect the opposite.' },
  };
  const one = { ...closed({ ...schemaOf(PLAIN_FIELDS), to, headers, ...groups }), required: ['name'] };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'cases and invariants of sallyport policy test',
    ...closed({
      defaults: closed(defaults),
      cases: listOf(one),
      invariants: listOf(invariant()),
    }),
  };
}

function invariant(): Schema {
  const values = Object.fromEntries(clauseKeys('source').map((key) => [key, listOf(TEXT)]));
  const operations = Object.fromEntries(clauseKeys('operation').map((key) => [key, listOf(TEXT)]));
  const from = closed(values);
  const to = closed({ ...operations, namespaces: listOf(TEXT), labels: LABELS });
  const sides = closed({ from: { anyOf: [from, listOf(from)] }, to: { anyOf: [to, listOf(to)] } });
  const name = MEANINGS.name ?? TEXT;
  return {
    oneOf: ['never', 'always'].map((kind) => ({ ...closed({ name, [kind]: sides }), required: [kind] })),
  };
}

const closed = (properties: Schema): Schema => ({ type: 'object', properties, additionalProperties: false });

const listOf = (items: Schema): Schema => ({ type: 'array', items, minItems: 1 });
