// How a peer looks in every plot: colour, dash and mark, so that no two need their colours told apart.

export type Shape = 'circle' | 'square' | 'triangle' | 'diamond' | 'cross';

export interface PeerStyle {
  /** Index of the colour: `--peer-0` and on. */
  readonly colour: number;
  /** SVG `stroke-dasharray`. */
  readonly dash: string;
  readonly shape: Shape;
}

/** A colour on a light and on a dark ground; at least 4.5 : 1 there, since names are written in it. */
interface Colour {
  readonly light: string;
  readonly dark: string;
}

// After Okabe and Ito's palette, which holds for every kind of colour blindness, darkened and lightened.
const COLOURS: readonly Colour[] = [
  { light: '#0b57d0', dark: '#8ab4ff' },
  { light: '#a64200', dark: '#ff9e66' },
  { light: '#00705a', dark: '#3fd0a6' },
  { light: '#96308a', dark: '#f29ad8' },
  { light: '#7a5c00', dark: '#e6c34d' },
  { light: '#55606e', dark: '#a9b3c0' },
];
const GREY = 5;

const STYLES: Readonly<Record<string, PeerStyle>> = {
  sallyport: { colour: 0, dash: 'none', shape: 'circle' },
  baseline: { colour: 0, dash: '3 3', shape: 'diamond' },
  haproxy: { colour: 1, dash: '8 4', shape: 'square' },
  nginx: { colour: 2, dash: '3 4', shape: 'triangle' },
  envoy: { colour: 3, dash: '10 3 2 3', shape: 'diamond' },
  'envoy-1': { colour: 3, dash: '10 3 2 3', shape: 'diamond' },
  'envoy-1000': { colour: 4, dash: '12 4', shape: 'cross' },
  'raw-relay': { colour: GREY, dash: '2 3', shape: 'circle' },
  'node-https-undici': { colour: GREY, dash: '6 3', shape: 'triangle' },
  'node-https-http-proxy': { colour: GREY, dash: '6 3 2 3', shape: 'square' },
  'bare-tls': { colour: GREY, dash: '1 3', shape: 'square' },
  direct: { colour: GREY, dash: 'none', shape: 'cross' },
};
const OTHER: PeerStyle = { colour: GREY, dash: '4 2', shape: 'diamond' };

export function hasStyle(peer: string): boolean {
  return Object.hasOwn(STYLES, peer);
}

/** Peers without a style of their own look alike; their names stand beside them. */
export function peerStyle(peer: string): PeerStyle {
  return (hasStyle(peer) ? STYLES[peer] : undefined) ?? OTHER;
}

/** CSS variables of the page and of the plots, for light and dark. */
export function colourVariables(): string {
  const ground = {
    light: '--surface:#ffffff;--text:#1c2024;--quiet:#55606e;--rule:#dde1e6;--good:#00664f;--bad:#b3261e;',
    dark: '--surface:#16191d;--text:#e8eaed;--quiet:#a9b3c0;--rule:#343a42;--good:#3fd0a6;--bad:#ff8a80;',
  };
  const peers = (mode: 'light' | 'dark'): string =>
    COLOURS.map((colour, i) => `--peer-${i}:${colour[mode]};`).join('');
  return `:root{${ground.light}${peers('light')}}
@media (prefers-color-scheme:dark){:root{${ground.dark}${peers('dark')}}}`;
}
