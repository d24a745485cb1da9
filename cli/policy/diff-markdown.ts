// What `policy diff` found, for the description of a pull request.
import { counted } from '../text.ts';
import { becauseOf, placesOf, type ShownDiff } from './diff.ts';
import { exampleText } from './example.ts';

/** A table of changes, widening first; requests as code, so that nothing in them is markup. */
export function diffMarkdown(shown: ShownDiff): string {
  const { changes, undecided } = shown.found;
  if (changes.length === 0 && undecided.length === 0)
    return '### Policies\n\nEquivalent: every request is decided as before.\n';
  const places = placesOf(shown);
  const rows = changes.map(
    (change) =>
      `| ${change.kind} | ${becauseOf(change, places)} | ${change.examples.map((example) => code(exampleText(example))).join('<br>')} |`,
  );
  const open = undecided.map((one) => `| undecided | ${becauseOf(one, places)} | ${one.why} |`);
  const widening = changes.filter(({ kind }) => kind === 'widening').length;
  return [
    '### Policies',
    '',
    `${counted(widening, 'widening')}, ${counted(changes.length - widening, 'narrowing')}, ${undecided.length} undecided.`,
    '',
    '| what | why | for example |',
    '|---|---|---|',
    ...rows,
    ...open,
    '',
  ].join('\n');
}

/** Inline code of any text: fenced by more backticks than it has in a row; `|` would end the cell. */
function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence} ${text.replaceAll('|', '\\|')} ${fence}`;
}
