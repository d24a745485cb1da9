// The report's style sheet: no font, picture or script from elsewhere; light, dark and narrow.
import { colourVariables } from './plots/peer-style.ts';
import { PLOT_STYLE } from './plots/svg.ts';

export function pageStyle(): string {
  return `${colourVariables()}
:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.25rem;max-width:68rem;background:var(--surface);color:var(--text);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;margin:0 0 .25rem}
h2{font-size:1.2rem;margin:2.25rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:1.25rem 0 .25rem}
p,ul,ol,dl{margin:.4rem 0}
a{color:var(--peer-0)}
.quiet,dt,figcaption{color:var(--quiet)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:0 .9rem}
dd{margin:0;overflow-wrap:anywhere}
.claims{list-style:none;padding:0}
.claims li{padding:.35rem .7rem;margin:.3rem 0;border-left:4px solid var(--rule);overflow-wrap:anywhere}
.claims .missed{border-color:var(--bad)}
.claims .held{border-color:var(--good)}
.verdict{font-weight:700;margin-right:.4rem}
.missed .verdict,h2.missed{color:var(--bad)}
.held .verdict,h2.held{color:var(--good)}
.claims .quiet{display:block}
.scroll{overflow-x:auto}
.scroll:focus-visible{outline:2px solid var(--peer-0);outline-offset:2px}
figure{margin:1rem 0}
figcaption{font-size:.9rem}
.plot{display:block;width:100%;min-width:40rem;height:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.75rem 0}
caption{text-align:left;font-weight:600;padding-bottom:.25rem}
th,td{padding:.25rem .7rem .25rem 0;border-bottom:1px solid var(--rule);text-align:right;vertical-align:top;
white-space:nowrap}
th:first-child,.words th,.words td{text-align:left}
.words td,.words tbody th{white-space:normal;min-width:6rem}
.ours th,.ours td{font-weight:600}
${PLOT_STYLE}
@media (max-width:34rem){body{padding:.8rem}dl{grid-template-columns:1fr}dd{margin-bottom:.3rem}}
@media print{h2{break-after:avoid}figure{break-inside:avoid}}`;
}
