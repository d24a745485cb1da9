// The one place where the yaml library is imported: its syntax tree, and how documents are read (YAML 1.2).
import { type Document, type LineCounter, parseAllDocuments } from 'yaml';

export { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, Scalar } from 'yaml';

/** Parses every document of a text, strictly: unique string keys, no repair. Faults stay in the documents. */
export function parseDocuments(text: string, lineCounter: LineCounter): readonly Document.Parsed[] {
  return parseAllDocuments(text, {
    lineCounter,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: true,
    strict: true,
    version: '1.2',
  });
}
