// Which files follow from a result, and what stands in each: the report, the picture, two sections.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunResult } from '../result.ts';
import { htmlReport } from './html.ts';
import { readmeSection, resultsSection } from './markdown.ts';
import { replaceSection } from './marked-section.ts';
import { pictureSubtitle } from './overview.ts';
import { cpuPlot } from './plots/cpu.ts';
import { standaloneSvg } from './plots/svg.ts';

export interface Output {
  readonly path: string;
  readonly text: string;
}

/** A document that has no place for its section. */
export class MarkerError extends Error {}

/** Everything that a result in the checkout `root` makes. @throws MarkerError */
export function outputsOf(root: string, result: RunResult): Output[] {
  const outputs = [
    { path: join(root, 'docs/benchmarks/report.html'), text: htmlReport(result) },
    sectionIn(join(root, 'README.md'), 'figures', readmeSection(result)),
    sectionIn(join(root, 'docs/benchmarks.md'), 'results', resultsSection(result)),
  ];
  const cpu = cpuPlot(result);
  if (cpu === null) return outputs;
  const picture = standaloneSvg(cpu, pictureSubtitle(result));
  return [...outputs, { path: join(root, 'docs/benchmarks/cpu.svg'), text: picture }];
}

/** True when the file holds exactly this. */
export function isUpToDate({ path, text }: Output): boolean {
  return readIfThere(path) === text;
}

function sectionIn(path: string, name: string, text: string): Output {
  const replaced = replaceSection({ document: readIfThere(path) ?? '', name }, text);
  if (replaced !== null) return { path, text: replaced };
  const markers = `\`<!-- ${name}:begin -->\` and \`<!-- ${name}:end -->\``;
  throw new MarkerError(`${path} needs the lines ${markers}, each once: the figures go between them`);
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
