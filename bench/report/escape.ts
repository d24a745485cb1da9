// Text of a result made harmless for where it is written: names, notes and versions come from other programs'
// output and from command lines, and may hold anything.

/** For element content and double-quoted attributes of HTML and XML. */
export function escapeXml(text: string): string {
  return printable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/**
 * For one line or one table cell of Markdown: no tag, comment, link, emphasis or new cell comes of it. What
 * stands alone, as in `<= 0.5 x`, stays as it is for those who read the source.
 */
export function escapeMarkdown(text: string): string {
  return printable(text)
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replaceAll('\\', '\\\\')
    .replaceAll(/&(?=[#\w])/g, '&amp;')
    .replaceAll(/<(?=[A-Za-z/!?])/g, '&lt;')
    .replaceAll(/[|*`~]/g, '\\$&')
    .replaceAll('](', ']\\(')
    .replaceAll(/(?<!\w)_|_(?!\w)/g, '\\_');
}

/** Without the control characters and lone surrogates that XML cannot hold. */
function printable(text: string): string {
  return Array.from(text.toWellFormed(), (character) =>
    character < ' ' && !'\t\n\r'.includes(character) ? '\u{fffd}' : character,
  ).join('');
}
