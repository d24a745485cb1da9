// Writes conditions as words of the compiled table; collects their text, CIDR blocks and names on the way.
import { SallyportError } from '../core/errors.ts';
import type { Action, Clause, Condition, Field, Matcher, PolicyOptions } from './model.ts';
import {
  ACCOUNT,
  ALIAS,
  CIDR,
  CIDR_SHIFT,
  CIDR_V6,
  CONDITION_HEAD,
  DESTINATION_IP,
  DOMAIN,
  EXACT,
  FLAG_ANY_VALUE,
  FLAG_TRUST_NOTS,
  FLAG_TRUST_VALUES,
  HEADER,
  HOST,
  hostNameEnd,
  METHOD,
  NAMESPACE,
  PATH,
  PORT,
  PREFIX,
  PRESENCE,
  PRINCIPAL,
  REMOTE_IP,
  REQUEST_PRINCIPAL,
  SNI,
  SOURCE_IP,
  SUFFIX,
  TEMPLATE,
  VALUE_WORDS,
  WITH_PORT,
} from './table-layout.ts';

/** The field of the table for each field of the language. */
const FIELDS: Readonly<Record<Field, number>> = {
  methods: METHOD,
  paths: PATH,
  hosts: HOST,
  'request.headers': HEADER,
  principals: PRINCIPAL,
  'source.principal': PRINCIPAL,
  namespaces: NAMESPACE,
  'source.namespace': NAMESPACE,
  serviceAccounts: ACCOUNT,
  'source.serviceAccount': ACCOUNT,
  trustDomains: DOMAIN,
  'source.trustDomain': DOMAIN,
  ipBlocks: SOURCE_IP,
  'source.ip': SOURCE_IP,
  remoteIpBlocks: REMOTE_IP,
  'remote.ip': REMOTE_IP,
  'destination.ip': DESTINATION_IP,
  ports: PORT,
  'destination.port': PORT,
  'connection.sni': SNI,
  requestPrincipals: REQUEST_PRINCIPAL,
};

/** True when only the request decides the condition, not the connection. */
export function isRequestCondition(condition: Condition): boolean {
  return FIELDS[condition.field] <= HEADER;
}

/** Every trust domain whose five-segment principals stand for the local one's. */
export function aliasesOf(options: PolicyOptions): readonly string[] {
  return [...new Set([options.localTrustDomain, 'cluster.local', ...options.trustDomainAliases])];
}

/** True when a principal without scheme has five segments: `td/ns/x/sa/y`. */
export function hasFiveSegments(principal: string): boolean {
  let slashes = 0;
  for (let i = principal.indexOf('/'); i >= 0; i = principal.indexOf('/', i + 1)) slashes++;
  return slashes === 4;
}

/** Encodes conditions; owns what they refer to. */
export class ConditionEncoder {
  readonly #aliases: readonly string[];
  readonly #texts = new Map<string, number>();
  readonly #parts: string[] = [];
  #length = 0;
  readonly #names = new Map<string, number>();
  readonly #headers = new Map<string, number>();
  readonly #blocks = new Map<string, number>();
  readonly #cidrWords: number[] = [];
  #uses = 0;

  constructor(options: PolicyOptions) {
    this.#aliases = aliasesOf(options);
  }

  /** All text so far; offsets point into it. */
  blob(): string {
    return this.#parts.join('');
  }

  /**
   * Condition names, header names and CIDR blocks (`CIDR_WORDS` each), by number; and a bit for each field
   * used.
   */
  names(): string[] {
    return [...this.#names.keys()];
  }
  headers(): string[] {
    return [...this.#headers.keys()];
  }
  cidrs(): readonly number[] {
    return this.#cidrWords;
  }
  uses(): number {
    return this.#uses;
  }

  /** The offset of `text` in the blob; equal texts share one. */
  text(text: string): number {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const at = this.#length;
    this.#texts.set(text, at);
    this.#parts.push(text);
    this.#length += text.length;
    return at;
  }

  /** The words of each condition of a clause, one after the other. */
  clause(clause: Clause, action: Action): number[] {
    return clause.flatMap((condition) => this.#condition(condition, action));
  }

  #condition(condition: Condition, action: Action): number[] {
    const field = FIELDS[condition.field];
    this.#uses |= 1 << field;
    const { values, notValues } = condition;
    return [
      field | this.#flags(field, action),
      numberOf(this.#names, condition.name),
      field === HEADER ? numberOf(this.#headers, condition.key ?? '') : -1,
      CONDITION_HEAD + VALUE_WORDS * (values.length + notValues.length),
      values.length,
      notValues.length,
      ...values.flatMap((value) => this.#value(value, field)),
      ...notValues.flatMap((value) => this.#value(value, field)),
    ];
  }

  /**
   * What widens access counts for trusted domains only; what restricts, for all. AUDIT marks as DENY would
   * match.
   */
  #flags(field: number, action: Action): number {
    if (field === HEADER) return action === 'ALLOW' ? 0 : FLAG_ANY_VALUE;
    if (field === NAMESPACE || field === ACCOUNT)
      return action === 'ALLOW' ? FLAG_TRUST_VALUES : FLAG_TRUST_NOTS;
    return 0;
  }

  #value(value: Matcher, field: number): number[] {
    const isAddress = field === SOURCE_IP || field === REMOTE_IP || field === DESTINATION_IP;
    if (isAddress !== (value.kind === 'cidr')) throw misplaced(value);
    if (value.kind === 'cidr') {
      const id = this.#block(value.bytes, value.prefixLength);
      return [CIDR | (id << CIDR_SHIFT), this.text(value.text), value.text.length];
    }
    if (value.kind === 'presence') return [PRESENCE, 0, 0];
    return [this.#kind(value, field), this.text(value.value), value.value.length];
  }

  #kind(value: Exclude<Matcher, { kind: 'cidr' | 'presence' }>, field: number): number {
    if (value.kind === 'template') {
      if (field !== PATH) throw misplaced(value);
      return TEMPLATE;
    }
    if (field === PRINCIPAL && value.kind === 'exact' && this.#isAlias(value.value)) return ALIAS;
    const kind = value.kind === 'exact' ? EXACT : value.kind === 'prefix' ? PREFIX : SUFFIX;
    return field === HOST && hostNameEnd(value.value) < value.value.length ? kind | WITH_PORT : kind;
  }

  #isAlias(principal: string): boolean {
    return hasFiveSegments(principal) && this.#aliases.includes(principal.slice(0, principal.indexOf('/')));
  }

  /** The number, from 1, of a CIDR block. */
  #block(bytes: readonly number[], prefixLength: number): number {
    const words = [(bytes.length === 16 ? CIDR_V6 : 0) | prefixLength, ...addressWords(bytes)];
    const key = words.join();
    const known = this.#blocks.get(key);
    if (known !== undefined) return known;
    this.#cidrWords.push(...words);
    this.#blocks.set(key, this.#blocks.size + 1);
    return this.#blocks.size;
  }
}

/** Four big-endian words of an address; IPv4 fills the first. */
export function addressWords(bytes: ArrayLike<number>): [number, number, number, number] {
  const word = (at: number): number =>
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0);
  return [word(0), word(4), word(8), word(12)];
}

function numberOf(numbers: Map<string, number>, name: string): number {
  const known = numbers.get(name);
  if (known !== undefined) return known;
  numbers.set(name, numbers.size);
  return numbers.size - 1;
}

function misplaced(value: Matcher): SallyportError {
  return new SallyportError('ERR_POLICY_COMPILE', `a \`${value.kind}\` value is in a field that has none`);
}
