// Strangers' text as labels of graphs: escaped by an allow-list, so that no label ends before its end.
import { printable } from './text.ts';

const LABEL_CHARACTERS_MAX = 200;
const PLAIN_IN_MERMAID = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 /._:,-';

/** A label within quotes, in Mermaid's entity codes: `#34;` for a quotation mark. */
export function mermaidLabel(text: string): string {
  let out = '';
  for (const c of short(text)) out += PLAIN_IN_MERMAID.includes(c) ? c : `#${c.charCodeAt(0)};`;
  return out;
}

/** The same for DOT, which reads `\` as an escape of its own, and character references as HTML does. */
export function dotLabel(text: string): string {
  let out = '';
  for (const c of short(text)) out += c === '"' || c === '\\' ? `\\${c}` : c === '&' ? '&amp;' : c;
  return out;
}

function short(text: string): string {
  const plain = printable(text);
  return plain.length > LABEL_CHARACTERS_MAX ? `${plain.slice(0, LABEL_CHARACTERS_MAX)}...` : plain;
}
