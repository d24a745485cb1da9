// The report of a run as one file: claims first and the missed ones before all, then plots, tables and what
// they rest on. Written so that it is XML too, without script, and asks the network for nothing.
import type { Claim } from '../claim.ts';
import type { RunResult, ScenarioResult } from '../result.ts';
import type { Table } from '../table.ts';
import { escapeXml } from './escape.ts';
import { OURS } from './figures.ts';
import { fleetCost } from './fleet-cost.ts';
import { factsOf, methodOf, notesLine, peersTable, sortedClaims } from './overview.ts';
import { pageStyle } from './page-style.ts';
import { plotsOf } from './plots/all.ts';
import { inlineSvg, type Plot } from './plots/svg.ts';
import { PUBLISHED_HEADING, PUBLISHED_WARNING, publishedTable } from './published.ts';

/** The browser itself holds the page to its promise. */
const CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** The whole document. */
export function htmlReport(result: RunResult): string {
  const title = `sallyport benchmark, ${result.at.slice(0, 10)}`;
  const fleet = fleetCost(result);
  const sections = [
    firstScreen(result, title),
    plots(plotsOf(result)),
    fleet === null ? '' : section('What a fleet costs', table(fleet)),
    ...result.scenarios.map(scenario),
    section('Peers', table(peersTable(result), 'words')),
    section('How it was measured', list('ol', methodOf(result))),
    section(PUBLISHED_HEADING, `<p>${escapeXml(PUBLISHED_WARNING)}</p>\n${table(publishedTable(), 'words')}`),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta http-equiv="Content-Security-Policy" content="${escapeXml(CONTENT_POLICY)}"/>
<title>${escapeXml(title)}</title>
<style>${pageStyle()}</style>
</head>
<body>
<main>
${sections.filter((text) => text !== '').join('\n')}
</main>
</body>
</html>
`;
}

function firstScreen(result: RunResult, title: string): string {
  const { missed, held } = sortedClaims(result);
  const count = missed.length + held.length;
  const verdict = count === 0 ? 'This run makes no claim.' : `${missed.length} of ${count} claims missed.`;
  const facts = factsOf(result).map(
    ([name, text]) => `<dt>${escapeXml(name)}</dt><dd>${escapeXml(text)}</dd>`,
  );
  return [
    '<header>',
    `<h1>${escapeXml(title)}</h1>`,
    `<dl>${facts.join('\n')}</dl>`,
    `<p><strong>${verdict}</strong> ${notesLine(result)}</p>`,
    '</header>',
    claims('Missed', missed, 'missed'),
    claims('Held', held, 'held'),
  ].join('\n');
}

function claims(heading: string, all: readonly Claim[], kind: 'missed' | 'held'): string {
  if (all.length === 0) return '';
  const sign = kind === 'held' ? '✓' : '✗';
  const items = all.map(
    ({ text, verdict, figure }) =>
      `<li class="${kind}"><span class="verdict">${sign} ${escapeXml(verdict)}</span>` +
      `${escapeXml(text)} <span class="quiet">${escapeXml(figure)}</span></li>`,
  );
  return `<h2 class="${kind}">${heading}</h2>\n<ul class="claims">\n${items.join('\n')}\n</ul>`;
}

function plots(all: readonly Plot[]): string {
  return all
    .map((plot) => {
      const picture = scrolling(plot.title, inlineSvg(plot));
      const caption = `<figcaption>${escapeXml(plot.caption.join(' '))}</figcaption>`;
      return section(plot.title, `<figure>${picture}${caption}</figure>`);
    })
    .join('\n');
}

function scenario({ name, summary, tables, notes }: ScenarioResult): string {
  const parts = [`<p class="quiet">${escapeXml(summary)}</p>`, ...tables.map((one) => table(one))];
  if (notes.length > 0) parts.push('<h3>Notes</h3>', list('ul', notes));
  return section(name, parts.join('\n'));
}

function section(heading: string, content: string): string {
  return `<section>\n<h2>${escapeXml(heading)}</h2>\n${content}\n</section>`;
}

function list(kind: 'ul' | 'ol', items: readonly string[]): string {
  return `<${kind}>\n${items.map((text) => `<li>${escapeXml(text)}</li>`).join('\n')}\n</${kind}>`;
}

/** `words` for a table of text: to the left, and wrapped. */
function table({ title, columns, rows }: Table, kind: 'words' | 'figures' = 'figures'): string {
  const head = columns.map((name) => `<th scope="col">${escapeXml(name)}</th>`).join('');
  const body = rows.map((row) => {
    const cells = columns.map((_, i) => (i === 0 ? rowHead(row[0]) : `<td>${cellText(row[i])}</td>`));
    return `<tr${row[0] === OURS ? ' class="ours"' : ''}>${cells.join('')}</tr>`;
  });
  const content = [
    `<table class="${kind}"><caption>${escapeXml(title)}</caption>`,
    `<thead><tr>${head}</tr></thead>`,
    `<tbody>${body.join('\n')}</tbody></table>`,
  ];
  return scrolling(title, content.join('\n'));
}

function rowHead(text = ''): string {
  return `<th scope="row">${escapeXml(text)}</th>`;
}

/** Sources are links; nothing is fetched before one is followed. */
function cellText(text = ''): string {
  if (!text.startsWith('https://') || !URL.canParse(text)) return escapeXml(text);
  return `<a href="${escapeXml(text)}" rel="noreferrer">${escapeXml(new URL(text).hostname)}</a>`;
}

/** Wider than a phone: scrolled alone, also by keyboard. */
function scrolling(name: string, content: string): string {
  const attributes = `class="scroll" role="region" tabindex="0" aria-label="${escapeXml(name)}"`;
  return `<div ${attributes}>\n${content}\n</div>`;
}
