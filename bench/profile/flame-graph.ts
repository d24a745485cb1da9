// A folded profile as one SVG that stands alone: callers above what they call, width = time, colour = whose
// code, figures in the tooltips. The same profile gives the same bytes.
import { escapeXml } from '../report/escape.ts';
import { AREAS, areaOf } from './areas.ts';
import { placeText } from './self-time.ts';
import type { Frame, Stacks } from './stacks.ts';

const WIDTH = 1_200;
const MARGIN = 10;
const ROW = 17;
/** Title, summary and legend. */
const HEADER = 74;
/** Pixels; what is narrower can neither be seen nor pointed at. */
const NARROWEST = 1.2;
const CHARACTER = 6.7;
const LEGEND_STEP = 146;

interface Drawing {
  readonly stacks: Stacks;
  readonly parts: string[];
  depth: number;
  hidden: number;
}

/** `title` and `subtitle` tell what was profiled. */
export function flameGraph(stacks: Stacks, title: string, subtitle: string): string {
  const drawing: Drawing = { stacks, parts: [], depth: 0, hidden: 0 };
  drawAll(drawing, stacks.roots, 0, 0);
  const height = HEADER + drawing.depth * ROW + 2 * ROW;
  const { hidden } = drawing;
  const percent = ((NARROWEST / innerWidth()) * 100).toFixed(2);
  const note = `${hidden} narrower frames (below ${percent} %) are not drawn.`;
  const what = escapeXml(`${subtitle}; ${summary(stacks)}`);
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img"`,
    ` aria-labelledby="flame-title flame-summary" width="${WIDTH}">`,
    `<title id="flame-title">${escapeXml(title)}</title>`,
    `<style>${style()}</style>`,
    `<rect class="ground" width="${WIDTH}" height="${height}"/>`,
    `<text class="title" x="${MARGIN}" y="22">${escapeXml(title)}</text>`,
    `<text class="quiet" id="flame-summary" x="${MARGIN}" y="42">${what}</text>`,
    legend(),
    ...drawing.parts,
    hidden === 0 ? '' : `<text class="quiet" x="${MARGIN}" y="${height - 10}">${note}</text>`,
    '</svg>',
  ]
    .filter((part) => part !== '')
    .join('\n')}\n`;
}

function innerWidth(): number {
  return WIDTH - 2 * MARGIN;
}

function summary({ busyUs, idleUs }: Stacks): string {
  return `${seconds(busyUs)} at work, ${seconds(idleUs)} idle (not drawn)`;
}

const seconds = (us: number): string => `${(us / 1e6).toFixed(2)} s`;

function style(): string {
  const fills = (ground: 'light' | 'dark'): string =>
    AREAS.map((area) => `.${area.name}{fill:${area[ground]}}`).join('');
  return `text{font:11px ui-monospace,monospace;fill:#1c2024}.title{font-size:15px;font-weight:600}
.quiet{fill:#55606e}.ground{fill:#ffffff}.frame{stroke:#ffffff;stroke-width:.5}g text{pointer-events:none}
${fills('light')}
@media (prefers-color-scheme:dark){text{fill:#e8eaed}.quiet{fill:#a9b3c0}.ground{fill:#16191d}
.frame{stroke:#16191d}${fills('dark')}}`;
}

function legend(): string {
  return AREAS.map(({ name, label }, i) => {
    const x = MARGIN + i * LEGEND_STEP;
    const swatch = `<rect class="${name}" x="${x}" y="53" width="11" height="11"/>`;
    return `${swatch}<text x="${x + 16}" y="63">${escapeXml(label)}</text>`;
  }).join('\n');
}

/** Frames beside each other from `startUs` on. */
function drawAll(drawing: Drawing, frames: readonly Frame[], startUs: number, depth: number): void {
  const scale = innerWidth() / drawing.stacks.busyUs;
  let atUs = startUs;
  for (const frame of frames) {
    const width = frame.totalUs * scale;
    if (width < NARROWEST) drawing.hidden++;
    else {
      drawing.depth = Math.max(drawing.depth, depth + 1);
      drawing.parts.push(drawn(drawing.stacks, frame, { x: MARGIN + atUs * scale, width, depth }));
      drawAll(drawing, frame.children, atUs, depth + 1);
    }
    atUs += frame.totalUs;
  }
}

function drawn(
  { busyUs }: Stacks,
  { name, place, selfUs, totalUs }: Frame,
  at: { readonly x: number; readonly width: number; readonly depth: number },
): string {
  const y = HEADER + at.depth * ROW;
  const part = (us: number): string =>
    `${(us / 1_000).toFixed(1)} ms (${((us / busyUs) * 100).toFixed(1)} %)`;
  const where = placeText(place);
  const tip = `${name}${where === '' ? '' : `\n${where}`}\nself ${part(selfUs)}, total ${part(totalUs)}`;
  const characters = Math.floor((at.width - 6) / CHARACTER);
  const text = shortened(name, characters);
  const box = `x="${at.x.toFixed(1)}" y="${y}" width="${at.width.toFixed(1)}" height="${ROW - 1}"`;
  return [
    `<g><title>${escapeXml(tip)}</title><rect class="frame ${areaOf(name, place)}" ${box}/>`,
    text === '' ? '' : `<text x="${(at.x + 3).toFixed(1)}" y="${y + 12}">${escapeXml(text)}</text>`,
    '</g>',
  ].join('');
}

/** Nothing at all below three characters. */
function shortened(name: string, characters: number): string {
  if (name.length <= characters) return name;
  return characters < 3 ? '' : `${name.slice(0, characters - 1)}…`;
}
