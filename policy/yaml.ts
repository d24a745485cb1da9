// The one place where the yaml library is imported: its syntax tree, and how documents are read (YAML 1.2).
import {
  Composer,
  type Document,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type LineCounter,
  Parser,
  YAMLParseError,
} from 'yaml';

export { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, Scalar } from 'yaml';

/**
 * Parses the documents of a text, strictly: unique string keys, no repair. Faults stay in the documents.
 * Stops after `countMax` documents.
 */
export function parseDocuments(
  text: string,
  lineCounter: LineCounter,
  countMax: number,
): readonly Document.Parsed[] {
  const composer = new Composer({
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false, // the library compares each key with each: 100,000 keys in a mapping take it a minute
    strict: true,
    version: '1.2',
  });
  const tokens = new Parser(lineCounter.addNewLine).parse(text);
  const documents: Document.Parsed[] = [];
  // `true`: a text without any document is an empty one, or its faults would be lost.
  for (const document of composer.compose(tokens, true, text.length)) {
    refuseRepeatedIn(document.contents, document);
    documents.push(document);
    if (documents.length >= countMax) break;
  }
  return documents;
}

/**
 * As deep as the composer went before it. PERF: the library's own `visit` takes a twentieth of a whole load;
 * bench `check`.
 */
function refuseRepeatedIn(node: unknown, document: Document.Parsed): void {
  if (isSeq(node)) for (const item of node.items) refuseRepeatedIn(item, document);
  else if (isPair(node)) {
    refuseRepeatedIn(node.key, document);
    refuseRepeatedIn(node.value, document);
  } else if (isMap(node)) {
    const seen = new Set<unknown>();
    for (const { key, value } of node.items) {
      if (isScalar(key)) {
        if (seen.has(key.value)) refuseKey(key.range?.[0] ?? 0, document);
        seen.add(key.value);
      } else refuseRepeatedIn(key, document);
      refuseRepeatedIn(value, document);
    }
  }
}

function refuseKey(start: number, document: Document.Parsed): void {
  const message = 'Map keys must be unique';
  document.errors.push(new YAMLParseError([start, start + 1], 'DUPLICATE_KEY', message));
}
