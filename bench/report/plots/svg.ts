// The frame of a plot and its parts, as SVG text. Colours are CSS variables: the plot follows the page, or
// brings its own when it stands alone.
import { escapeXml } from '../escape.ts';
import { colourVariables, type PeerStyle, peerStyle, type Shape } from './peer-style.ts';

export const PLOT_WIDTH = 720;

export interface Plot {
  /** Unique in the page. */
  readonly id: string;
  readonly title: string;
  /** What the plot shows, figures included, for those who do not see it. */
  readonly description: string;
  readonly height: number;
  /** SVG elements. */
  readonly body: string;
  /** Sentences below the plot: how to read it. */
  readonly caption: readonly string[];
}

/** Rules for the elements below; the page and a picture that stands alone both need them. */
export const PLOT_STYLE = `.plot{font:13px system-ui,sans-serif;fill:var(--text)}
.plot .grid{stroke:var(--rule)}
.plot .quiet{fill:var(--quiet)}
.plot .peer{stroke:var(--peer);fill:var(--peer)}
.plot .peer path{fill:none;stroke-width:2;stroke-linejoin:round}
.plot .ours path,.plot .ours .whisker{stroke-width:3}
.plot .peer text{stroke:none}
.plot .ours text,.plot .title{font-weight:600}
.plot .whisker{stroke-width:1.5}
.plot .range{stroke-width:7;stroke-opacity:.4}
.plot .bar{stroke:none;fill-opacity:.45}
.plot .bar+.whisker{stroke:var(--text)}
.plot .ours .bar{fill-opacity:.85}
.plot .leader{stroke-width:1;stroke-opacity:.5}`;

/** For a page that has PLOT_STYLE and the colours. */
export function inlineSvg(plot: Plot): string {
  return element(plot, '', `0 0 ${PLOT_WIDTH} ${plot.height}`);
}

/** A file of its own, with title, ground and colours for light and dark. */
export function standaloneSvg(plot: Plot, subtitle: string): string {
  const above = 60;
  const lineHeight = 18;
  const height = above + plot.height + plot.caption.length * lineHeight + 8;
  const style = `<style>${colourVariables()}\n.ground{fill:var(--surface)}\n${PLOT_STYLE}</style>`;
  const head = [
    style,
    `<rect class="ground" x="0" y="${-above}" width="${PLOT_WIDTH}" height="${height}" rx="6"/>`,
    `<text class="title" x="16" y="-34" font-size="16">${escapeXml(plot.title)}</text>`,
    label({ x: 16, y: -14, text: subtitle, quiet: true }),
    ...plot.caption.map((text, i) =>
      label({ x: 16, y: plot.height + 8 + i * lineHeight, text, quiet: true }),
    ),
  ].join('\n');
  return `${element(plot, head, `0 ${-above} ${PLOT_WIDTH} ${height}`)}\n`;
}

function element({ id, title, description, body }: Plot, head: string, viewBox: string): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="${viewBox}" role="img"`,
    ` aria-labelledby="${id}-title ${id}-description">`,
    `<title id="${id}-title">${escapeXml(title)}</title>`,
    `<desc id="${id}-description">${escapeXml(description)}</desc>\n`,
    `${head}\n${body}\n</svg>`,
  ].join('');
}

/** A coordinate with one decimal. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

export function line(x1: number, y1: number, x2: number, y2: number, className: string): string {
  return `<line class="${className}" x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}"/>`;
}

export interface Label {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly quiet?: boolean;
}

export function label({ x, y, text, anchor = 'start', quiet = false }: Label): string {
  const attributes = `${quiet ? ' class="quiet"' : ''} x="${px(x)}" y="${px(y)}" text-anchor="${anchor}"`;
  return `<text${attributes}>${escapeXml(text)}</text>`;
}

/** Everything of one peer, in its colour. */
export function peerGroup(peer: string, ours: boolean, content: string): string {
  const { colour } = peerStyle(peer);
  return `<g class="peer${ours ? ' ours' : ''}" style="--peer:var(--peer-${colour})">${content}</g>`;
}

/** A line through at least two points. */
export function polyline(points: readonly (readonly [x: number, y: number])[], style: PeerStyle): string {
  const path = points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${px(x)} ${px(y)}`).join('');
  return `<path stroke-dasharray="${style.dash}" d="${path}"/>`;
}

export function mark(shape: Shape, x: number, y: number): string {
  const at = (dx: number, dy: number): string => `${px(x + dx)} ${px(y + dy)}`;
  const polygon = (...corners: string[]): string => `<polygon points="${corners.join(' ')}"/>`;
  switch (shape) {
    case 'circle':
      return `<circle cx="${px(x)}" cy="${px(y)}" r="4"/>`;
    case 'square':
      return polygon(at(-3.5, -3.5), at(3.5, -3.5), at(3.5, 3.5), at(-3.5, 3.5));
    case 'triangle':
      return polygon(at(0, -5), at(4.5, 3.5), at(-4.5, 3.5));
    case 'diamond':
      return polygon(at(0, -5), at(5, 0), at(0, 5), at(-5, 0));
    case 'cross':
      return `<path d="M${at(-4, -4)}L${at(4, 4)}M${at(-4, 4)}L${at(4, -4)}"/>`;
  }
}
