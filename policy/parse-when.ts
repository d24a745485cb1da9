// One entry of `when`: a key, `values` and `notValues`, ANDed.

import { didYouMean } from '../core/errors.ts';
import type { DocumentReader } from './document-reader.ts';
import type { Condition, Field } from './model.ts';
import { negativeName } from './model.ts';
import { isToken } from './parse-value.ts';
import { parseValues, type RuleContext, refuseJwt } from './parse-values.ts';
import type { Node } from './yaml.ts';

const PLAIN_KEYS = [
  ...(['source.ip', 'remote.ip', 'source.namespace', 'source.principal', 'source.serviceAccount'] as const),
  ...(['source.trustDomain', 'destination.ip', 'destination.port', 'connection.sni'] as const),
];
const HEADER_KEY = 'request.headers[';
const JWT_KEYS = ['request.auth.principal', 'request.auth.audiences', 'request.auth.presenter'];
const CLAIMS_KEY = 'request.auth.claims';
const KEY_CHARACTERS_MAX = 256;

/** Keys that Istio once had, and what stands in their place. */
const REPLACED_KEYS: Readonly<Record<string, string>> = {
  'destination.namespace': 'the policy’s own metadata.namespace takes its place',
  'destination.labels': 'spec.selector.matchLabels takes its place',
  'destination.name': 'spec.selector.matchLabels takes its place',
  'destination.user': 'spec.selector.matchLabels takes its place',
};

/** Reads one condition; an empty list after a fault. */
export function parseWhen(reader: DocumentReader, node: Node, context: RuleContext): Condition[] {
  const { what } = context;
  const entries = reader.entries(node, what, ['key', 'values', 'notValues']);
  if (entries === null) return [];
  const keyEntry = entries.get('key');
  const positive = entries.get('values');
  const negative = entries.get('notValues');
  if (positive === undefined && negative === undefined)
    reader.error(node, {
      code: 'ERR_POLICY_EMPTY',
      message: `\`${what}\` has neither \`values\` nor \`notValues\``,
      hint: 'a condition needs at least one of them',
    });
  if (keyEntry === undefined) {
    reader.error(node, { code: 'ERR_POLICY_WHEN_KEY', message: `\`${what}\` has no \`key\`` });
    return [];
  }
  const key = reader.string(keyEntry.value, `${what}.key`);
  const target = key === undefined ? null : targetOf(reader, keyEntry.value, key);
  if (target === null) return [];
  const values = positive ? parseValues(reader, positive.value, `${what}.values`, context, target.field) : [];
  const notValues = negative
    ? parseValues(reader, negative.value, `${what}.notValues`, context, target.field)
    : [];
  const header = target.header === null ? {} : { key: target.header };
  const name = `when[${target.header === null ? target.field : `request.headers[${target.header}]`}]`;
  return [
    {
      field: target.field,
      ...header,
      name: values.length > 0 ? name : negativeName(name),
      values,
      notValues,
    },
  ];
}

interface Target {
  readonly field: Exclude<Field, 'requestPrincipals'>;
  readonly header: string | null;
}

function targetOf(reader: DocumentReader, node: Node, key: string): Target | null {
  const plain = PLAIN_KEYS.find((known) => known === key);
  if (plain !== undefined) return { field: plain, header: null };
  if (key.length > KEY_CHARACTERS_MAX) {
    reader.error(node, {
      code: 'ERR_POLICY_LIMIT',
      message: `a \`when\` key is longer than ${KEY_CHARACTERS_MAX} characters`,
    });
    return null;
  }
  if (key.startsWith(HEADER_KEY)) return headerTarget(reader, node, key);
  if (JWT_KEYS.includes(key) || key.startsWith(CLAIMS_KEY)) {
    refuseJwt(reader, node, key);
    return null;
  }
  const bracket = key.indexOf('[');
  const replaced = REPLACED_KEYS[bracket < 0 ? key : key.slice(0, bracket)];
  const near = didYouMean(key, [...PLAIN_KEYS, ...JWT_KEYS, 'request.headers[…]']);
  reader.error(node, {
    code: 'ERR_POLICY_WHEN_KEY',
    message: `unknown \`when\` key \`${key}\``,
    hint:
      replaced ??
      (near === undefined
        ? `known: ${PLAIN_KEYS.join(', ')}, request.headers[name]`
        : `did you mean \`${near}\`?`),
  });
  return null;
}

function headerTarget(reader: DocumentReader, node: Node, key: string): Target | null {
  const name = key.endsWith(']') ? key.slice(HEADER_KEY.length, -1) : '';
  if (isToken(name)) return { field: 'request.headers', header: name.toLowerCase() };
  reader.error(node, {
    code: 'ERR_POLICY_WHEN_KEY',
    message: `\`${key}\` names no header`,
    hint: name.startsWith(':')
      ? 'for the method, path and host use `to.operation` with methods, paths and hosts'
      : 'write `request.headers[x-name]`',
  });
  return null;
}
