// Tables and matrices: one entry of `cases` that stands for many.
import type { DocumentReader, Entry } from '../document-reader.ts';
import { isScalar, isSeq, type Node } from '../yaml.ts';
import { type Draft, ERR_CASES, knownColumn, readCell, unknownName } from './fields.ts';
import { CASES_MAX } from './limits.ts';

/** A case that a table or a matrix made, and the node to name when something is wrong with it. */
export interface Drafted {
  readonly draft: Draft;
  readonly node: Node;
}

/** Columns that say what is expected: no part of a name. */
const EXPECTED: readonly (string | undefined)[] = ['expect', 'rule', 'reason'];

/** One case for each row; its cells are written over `base`. */
export function tableDrafts(reader: DocumentReader, table: Entry, what: string, base: Draft): Drafted[] {
  const entries = reader.entries(table.value, what, ['columns', 'rows']);
  const [head, body] = [entries?.get('columns'), entries?.get('rows')];
  if (head === undefined || body === undefined) {
    const hint = 'write `table: {columns: [as, method, path, expect], rows: [[…], …]}`';
    if (entries !== null)
      reader.error(table.key, { code: ERR_CASES, message: `\`${what}\` lacks columns or rows`, hint });
    return [];
  }
  const columns = columnsOf(reader, head.value, `${what}.columns`);
  return reader.items(body.value, `${what}.rows`, { max: CASES_MAX }).map((row, index) => {
    const cells = reader.items(row, `${what}.rows[${index}]`);
    if (isSeq(row) && row.items.length !== columns.length)
      reader.error(row, {
        code: ERR_CASES,
        message: `the row has ${row.items.length} cells, the table ${columns.length} columns`,
      });
    let draft = base;
    for (const [i, column] of columns.entries()) {
      const cell = cells[i];
      if (cell !== undefined && column !== undefined) draft = readCell(reader, cell, column, draft);
    }
    const shown = cells.filter((_, i) => !EXPECTED.includes(columns[i])).map(textOf);
    const name = columns.includes('name') ? draft.name : `${base.name}: ${shown.join(' ')}`;
    return { draft: name === undefined ? draft : { ...draft, name }, node: row };
  });
}

function columnsOf(reader: DocumentReader, node: Node, what: string): (string | undefined)[] {
  const seen = new Set<string>();
  return reader.items(node, what).map((item, index) => {
    const name = reader.string(item, `${what}[${index}]`);
    const column = name === undefined ? undefined : knownColumn(reader, item, name);
    if (column === undefined) return undefined;
    if (seen.has(column))
      reader.error(item, { code: ERR_CASES, message: `column \`${column}\` stands twice` });
    seen.add(column);
    return column;
  });
}

/** A dimension of a matrix: the field, and its values. */
interface Dimension {
  readonly column: string;
  readonly values: readonly Node[];
}

/** The values that an entry of `except` names, by field. */
type Exception = ReadonlyMap<string, ReadonlySet<string>>;

/** One case for each combination; those that `except` names expect the opposite. */
export function matrixDrafts(
  reader: DocumentReader,
  group: { readonly matrix: Entry; readonly except: Entry | undefined },
  what: string,
  base: Draft,
): Drafted[] {
  const dimensions = dimensionsOf(reader, group.matrix.value, `${what}.matrix`);
  const count = dimensions.reduce((product, { values }) => product * values.length, 1);
  if (count > CASES_MAX) {
    const message = `the matrix makes ${count} cases, at most ${CASES_MAX} are accepted`;
    reader.error(group.matrix.key, { code: ERR_CASES, message });
    return [];
  }
  const exceptions = exceptionsOf(reader, group.except, `${what}.except`, dimensions);
  let drafts: { draft: Draft; texts: readonly string[]; node: Node }[] = [
    { draft: base, texts: [], node: group.matrix.value },
  ];
  for (const { column, values } of dimensions) {
    // Each value is read once for every combination: faults would repeat, so they are looked for first.
    if (values.some((value) => isFaulty(reader, value, column))) return [];
    drafts = drafts.flatMap(({ draft, texts, node }) =>
      values.map((value) => ({
        draft: readCell(reader, value, column, draft),
        texts: [...texts, textOf(value)],
        node,
      })),
    );
  }
  return drafts.map(({ draft, texts, node }) => {
    const excepted = exceptions.some((one) =>
      dimensions.every(({ column }, i) => one.get(column)?.has(texts[i] ?? '') ?? true),
    );
    const named = { ...draft, name: `${base.name}: ${texts.join(' ')}` };
    return { draft: excepted ? opposite(named) : named, node };
  });
}

/** The rule and the reason are those of the others. */
function opposite({ rule: _rule, reason: _reason, ...draft }: Draft): Draft {
  if (draft.expect === undefined) return draft;
  return { ...draft, expect: draft.expect === 'allow' ? 'deny' : 'allow' };
}

function isFaulty(reader: DocumentReader, value: Node, column: string): boolean {
  const before = reader.faults.length;
  readCell(reader, value, column, {});
  return reader.faults.length > before;
}

function dimensionsOf(reader: DocumentReader, node: Node, what: string): Dimension[] {
  const entries = reader.entries(node, what, null);
  if (entries?.size === 0) reader.error(node, { code: ERR_CASES, message: `\`${what}\` is empty` });
  return [...(entries ?? [])].flatMap(([name, { key, value }]) => {
    const column = knownColumn(reader, key, name);
    if (column === undefined) return [];
    if (!EXPECTED.includes(column) && column !== 'name')
      return [{ column, values: reader.items(value, `${what}.${name}`) }];
    reader.error(key, { code: ERR_CASES, message: `\`${column}\` is no dimension`, hint: 'use `except`' });
    return [];
  });
}

function exceptionsOf(
  reader: DocumentReader,
  except: Entry | undefined,
  what: string,
  dimensions: readonly Dimension[],
): Exception[] {
  if (except === undefined) return [];
  const columns = dimensions.map(({ column }) => column);
  return reader.items(except.value, what).map((item, index) => {
    const entries = [...(reader.entries(item, `${what}[${index}]`, columns) ?? [])];
    if (entries.length === 0)
      reader.error(item, { code: ERR_CASES, message: `\`${what}[${index}]\` names nothing of the matrix` });
    return new Map(
      entries.map(([column, { value }]) => {
        const nodes = isSeq(value) ? reader.items(value, `${what}[${index}].${column}`) : [value];
        const known = dimensions.find((one) => one.column === column)?.values.map(textOf) ?? [];
        for (const node of nodes)
          if (!known.includes(textOf(node))) reader.error(node, unknownName(column, textOf(node), known));
        return [column, new Set(nodes.map(textOf))];
      }),
    );
  });
}

const textOf = (node: Node): string => (isScalar(node) ? String(node.value) : '');
