// Policy text to policies: multi-document YAML or JSON, `kind: List` expanded, every fault with
// file:line:column. Nothing that could restrict is ignored: what is not understood is an error, what belongs
// to others is a notice.

import type { Diagnostic } from '../core/errors.ts';
import { didYouMean } from '../core/errors.ts';
import { DocumentReader, type SourceText, sourceLine } from './document-reader.ts';
import { POLICY_FILE_CHARACTERS_MAX, POLICY_FILE_DOCUMENTS_MAX } from './limits.ts';
import type { Policy, PolicyOptions } from './model.ts';
import { namespaceOfBroken } from './parse-broken.ts';
import { parsePolicy, type RefusedPolicy } from './parse-policy.ts';
import { type Document, isMap, isScalar, LineCounter, type Node, parseDocuments } from './yaml.ts';

/** A policy file that was read. */
export interface PolicyFile {
  readonly file: string;
  readonly text: string;
}

/** Everything that was found in the files. */
export interface ParsedPolicies {
  /** The policies without errors, in file order. */
  readonly policies: readonly Policy[];
  /** Every finding in file order, those of `refused` included. */
  readonly diagnostics: readonly Diagnostic[];
  /** What was refused, for `partitionBySource`. */
  readonly refused: readonly RefusedPolicy[];
}

const GROUP = 'security.istio.io';
const VERSIONS = ['v1', 'v1beta1'];
const NOT_BUILT_KINDS = ['RequestAuthentication', 'PeerAuthentication'];
const KINDS = ['AuthorizationPolicy', ...NOT_BUILT_KINDS];

/** Parses files as one set: names are unique over all of them. `nowMs` (Unix) bounds emergencies. */
export function parsePolicies(
  files: readonly PolicyFile[],
  options: PolicyOptions,
  nowMs: number,
): ParsedPolicies {
  const found: Found = { policies: [], diagnostics: [], refused: [], names: new Map() };
  for (const file of files) {
    const before = found.diagnostics.length;
    parseFile(file, found, options, nowMs);
    addAll(found.diagnostics, found.diagnostics.splice(before).sort(byPlace));
  }
  return found;
}

interface Found {
  readonly policies: Policy[];
  readonly diagnostics: Diagnostic[];
  readonly refused: RefusedPolicy[];
  /** `namespace/name` to where it was first seen. */
  readonly names: Map<string, string>;
}

// A file can hold more findings than a call can have arguments.
function addAll(to: Diagnostic[], findings: readonly Diagnostic[]): void {
  for (const finding of findings) to.push(finding);
}

function byPlace({ at: a }: Diagnostic, { at: b }: Diagnostic): number {
  return (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0);
}

function parseFile(file: PolicyFile, found: Found, options: PolicyOptions, nowMs: number): void {
  if (file.text.length > POLICY_FILE_CHARACTERS_MAX) {
    const message = `the file is longer than ${POLICY_FILE_CHARACTERS_MAX} characters`;
    refuseDocument(found, [
      { severity: 'error', code: 'ERR_POLICY_LIMIT', message, at: { file: file.file } },
    ]);
    return;
  }
  const source: SourceText = { ...file, lines: new LineCounter() };
  const documents = parseDocuments(file.text, source.lines, POLICY_FILE_DOCUMENTS_MAX + 1);
  const tooMuch = documents[POLICY_FILE_DOCUMENTS_MAX];
  if (tooMuch !== undefined) {
    refuseDocument(found, [tooManyDocuments(source, tooMuch)]);
    return;
  }
  for (const [index, document] of documents.entries()) {
    const faults = syntaxFaults(source, document);
    if (faults.length > 0) {
      const text = file.text.slice(document.contents?.range[0], documents[index + 1]?.range[0]);
      refuseDocument(found, faults, namespaceOfBroken(document, text));
    } else if (!isNothing(document.contents)) {
      const read: Reading = { source, document, found, options, nowMs };
      readResource(read, document.contents, null);
    }
  }
}

function tooManyDocuments(source: SourceText, document: Document.Parsed): Diagnostic {
  const { line, col } = source.lines.linePos(document.range[0]);
  return {
    severity: 'error',
    code: 'ERR_POLICY_LIMIT',
    message: `the file has more than ${POLICY_FILE_DOCUMENTS_MAX} documents`,
    hint: 'split it into several files, or put several rules into one policy',
    at: { file: source.file, line, column: col },
    text: sourceLine(source, line),
  };
}

/** An empty document: nothing between two `---`, or only comments. */
export function isNothing(contents: Node | null): contents is null {
  return contents === null || (isScalar(contents) && contents.value === null);
}

/** A document too broken to say whose it is counts against every source. */
function refuseDocument(
  found: Found,
  diagnostics: readonly Diagnostic[],
  namespace: string | null = null,
): void {
  addAll(found.diagnostics, diagnostics);
  found.refused.push({ namespace, name: null, selector: null, attached: false, diagnostics });
}

/** The namespace that a resource of any kind names, or null. */
function namespaceOf(reader: DocumentReader, node: Node): string | null {
  const metadata = isMap(node) ? reader.resolve(node.get('metadata', true)) : null;
  return isMap(metadata) ? textOf(reader, metadata.get('namespace', true)) : null;
}

/** What makes a document no YAML of ours, with its places. */
export function syntaxFaults(source: SourceText, document: Document.Parsed): Diagnostic[] {
  return [...document.errors, ...document.warnings].map((error) => {
    const { line, col } = source.lines.linePos(error.pos[0]);
    const duplicate = error.code === 'DUPLICATE_KEY';
    return {
      severity: 'error',
      code: duplicate ? 'ERR_POLICY_DUPLICATE_KEY' : 'ERR_POLICY_YAML',
      message: duplicate
        ? 'a key stands twice in one mapping'
        : `not valid YAML: ${lowerFirst(error.message.split('\n')[0] ?? '')}`,
      ...(duplicate ? { hint: 'one of the two would be ignored; keep one' } : {}),
      at: { file: source.file, line, column: col },
      text: sourceLine(source, line),
    };
  });
}

interface Reading {
  readonly source: SourceText;
  readonly document: Document;
  readonly found: Found;
  readonly options: PolicyOptions;
  readonly nowMs: number;
}

/** Reads one resource; `list` is the kind of the list it stands in. */
function readResource(read: Reading, node: Node, list: string | null): void {
  const reader = new DocumentReader(read.source, read.document);
  const type = resourceType(reader, node);
  if (type === 'policy') readPolicy(read, reader, node);
  else if (type === 'list' && list === null) readList(read, reader, node);
  else {
    if (type === 'list')
      reader.error(node, { code: 'ERR_POLICY_KIND', message: 'a list stands within a list' });
    if (reader.faults.some((fault) => fault.severity === 'error'))
      refuseDocument(read.found, reader.faults, namespaceOf(reader, node));
    else addAll(read.found.diagnostics, reader.faults);
  }
}

function readList(read: Reading, reader: DocumentReader, node: Node): void {
  const entries = reader.entries(node, 'list', ['apiVersion', 'kind', 'metadata', 'items']);
  const items = entries?.get('items');
  if (items === undefined)
    reader.error(node, { code: 'ERR_POLICY_EMPTY', message: 'the list has no `items`' });
  const nodes = items ? reader.items(items.value, 'items', { emptyAllowed: true }) : [];
  if (reader.faults.length > 0) refuseDocument(read.found, reader.faults);
  for (const item of nodes) readResource(read, item, 'List');
}

function readPolicy(read: Reading, reader: DocumentReader, node: Node): void {
  const { found } = read;
  const result = parsePolicy(reader, node, read.options, read.nowMs);
  addAll(found.diagnostics, reader.faults);
  if ('refused' in result) found.refused.push(result.refused);
  const { namespace, name } = 'refused' in result ? result.refused : result.policy;
  if (namespace === null || name === null) return;
  const key = `${namespace}/${name}`;
  const first = found.names.get(key);
  if (first === undefined) {
    const { file, line } = reader.position(node);
    found.names.set(key, `${file}:${line}`);
    if ('policy' in result) found.policies.push(result.policy);
    return;
  }
  const duplicate = new DocumentReader(read.source, read.document);
  duplicate.error(node, {
    code: 'ERR_POLICY_DUPLICATE',
    message: `policy \`${key}\` was already read from ${first}`,
    hint: 'one would replace the other in a cluster; rename one',
  });
  addAll(found.diagnostics, duplicate.faults);
  // Either of the two may be the one that is meant, so a selector proves nothing.
  const diagnostics = duplicate.faults;
  found.refused.push({ namespace, name, selector: null, attached: false, diagnostics });
}

/** What a resource is, by apiVersion and kind; anything but a policy or a list is reported here. */
function resourceType(reader: DocumentReader, node: Node): 'policy' | 'list' | 'other' {
  if (!isMap(node)) {
    reader.error(node, { code: 'ERR_POLICY_TYPE', message: 'a document must be a mapping, one resource' });
    return 'other';
  }
  const apiVersion = textOf(reader, node.get('apiVersion', true));
  const kind = textOf(reader, node.get('kind', true));
  if (apiVersion === null || kind === null) {
    const missing = apiVersion === null ? 'apiVersion' : 'kind';
    reader.error(node, {
      code: 'ERR_POLICY_KIND',
      message: `the document has no \`${missing}\``,
      hint: `a policy starts with \`apiVersion: ${GROUP}/v1\` and \`kind: AuthorizationPolicy\``,
    });
    return 'other';
  }
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  if (apiVersion === 'v1' && kind === 'List') return 'list';
  const place = reader.resolve(node.get('apiVersion', true));
  if (group !== GROUP) return foreign(reader, place, { apiVersion, group, kind });
  if (!VERSIONS.includes(apiVersion.slice(slash + 1))) {
    reader.error(place, {
      code: 'ERR_POLICY_API_VERSION',
      message: `unknown apiVersion \`${apiVersion}\``,
      hint: `known: ${VERSIONS.map((version) => `${GROUP}/${version}`).join(', ')}`,
    });
    return 'other';
  }
  if (kind === 'AuthorizationPolicy') return 'policy';
  if (kind === 'AuthorizationPolicyList') return 'list';
  const near = didYouMean(kind, KINDS);
  reader.error(reader.resolve(node.get('kind', true)), {
    code: NOT_BUILT_KINDS.includes(kind) ? 'ERR_POLICY_NOT_BUILT' : 'ERR_POLICY_KIND',
    message: NOT_BUILT_KINDS.includes(kind)
      ? `${kind} is not built yet, and ignoring it could open what it closes`
      : `unknown kind \`${kind}\` of ${GROUP}`,
    hint:
      near !== undefined && near !== kind
        ? `did you mean \`${near}\`?`
        : 'keep it outside the policy folder until then',
  });
  return 'other';
}

/** Another API group's resource: a notice, unless it looks like one of ours with a typo. */
function foreign(
  reader: DocumentReader,
  place: Node | null,
  resource: { apiVersion: string; group: string; kind: string },
): 'other' {
  const { apiVersion, group, kind } = resource;
  if (KINDS.includes(kind) && didYouMean(group, [GROUP]) !== undefined)
    reader.error(place, {
      code: 'ERR_POLICY_API_VERSION',
      message: `unknown apiVersion \`${apiVersion}\` for ${kind}`,
      hint: `did you mean \`${GROUP}/v1\`?`,
    });
  else
    reader.notice(place, {
      code: 'LINT_POLICY_SKIPPED',
      message: `skipped ${kind} of \`${apiVersion}\`: not a policy of ${GROUP}`,
    });
  return 'other';
}

function textOf(reader: DocumentReader, node: unknown): string | null {
  const value = reader.resolve(node);
  return isScalar(value) && typeof value.value === 'string' && value.value !== '' ? value.value : null;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
