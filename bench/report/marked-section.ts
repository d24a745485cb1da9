// The part of a document between two markers, which a command writes and nobody edits.

/** `<!-- NAME:begin -->` and `<!-- NAME:end -->`, each once, each on a line of its own. */
export interface Marked {
  readonly document: string;
  readonly name: string;
}

/** The document with other text between its markers; null when they are not there exactly once, in order. */
export function replaceSection({ document, name }: Marked, text: string): string | null {
  const begin = `<!-- ${name}:begin -->\n`;
  const end = `\n<!-- ${name}:end -->`;
  const from = document.indexOf(begin);
  // The newline that ends the first marker may begin the second: an empty section.
  const to = document.indexOf(end, from + begin.length - 1);
  const once = document.lastIndexOf(begin) === from && document.lastIndexOf(end) === to;
  if (from === -1 || to === -1 || !once) return null;
  return document.slice(0, from + begin.length) + text + document.slice(to);
}
