// The one place where the yaml library is imported: its syntax tree, and how documents are read (YAML 1.2).
import { Composer, type Document, isScalar, type LineCounter, Parser, visit, YAMLParseError } from 'yaml';

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
    refuseRepeatedKeys(document);
    documents.push(document);
    if (documents.length >= countMax) break;
  }
  return documents;
}

function refuseRepeatedKeys(document: Document.Parsed): void {
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const start = key.range?.[0] ?? 0;
        if (seen.has(key.value))
          document.errors.push(
            new YAMLParseError([start, start + 1], 'DUPLICATE_KEY', 'Map keys must be unique'),
          );
        seen.add(key.value);
      }
    },
  });
}
