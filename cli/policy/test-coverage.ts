// What `policy test --coverage` shows: how much of the policies the cases have shown at work, and what not.
import type { Position } from '../../core/errors.ts';
import type { Coverage } from '../../policy/cases/coverage.ts';
import { RulePlaces } from '../../policy/cases/places.ts';
import type { Io } from '../io.ts';
import { paint } from '../paint.ts';
import { printable } from '../text.ts';
import type { TestReport } from './test-run.ts';

/** Covered, of all. */
export interface Share {
  readonly covered: number;
  readonly of: number;
}

/** What no case covers: a rule as a whole, or an element of one that is covered. */
export interface Uncovered {
  readonly rule: string;
  /** Null: the rule. */
  readonly element: string | null;
  readonly at: Position;
}

/** The shares of rules and of elements, and the rest by place. */
export interface CoverageSummary {
  readonly rules: Share;
  readonly elements: Share;
  readonly uncovered: readonly Uncovered[];
}

/** True when rules and elements both reach `min` percent. */
export function coverageReached({ coverage }: TestReport, min: number): boolean {
  if (coverage === null) return true;
  return [shareOf(coverage), shareOf(coverage.flatMap(({ elements }) => elements))].every(
    ({ covered, of }) => of === 0 || (100 * covered) / of >= min,
  );
}

/** Sums the coverage of a report up; null when it was not asked. */
export function summaryOf({ coverage, input }: TestReport): CoverageSummary | null {
  if (coverage === null) return null;
  const places = new RulePlaces(input.files);
  return {
    rules: shareOf(coverage),
    elements: shareOf(coverage.flatMap(({ elements }) => elements)),
    uncovered: coverage.flatMap(({ rule, at, count, elements }): Uncovered[] =>
      count === 0
        ? [{ rule, element: null, at }]
        : elements.flatMap((one) =>
            one.count > 0 ? [] : [{ rule, element: one.what, at: places.find(at, one.path) }],
          ),
    ),
  };
}

const shareOf = (all: readonly { readonly count: number }[]): Share => ({
  covered: all.filter(({ count }) => count > 0).length,
  of: all.length,
});

/** Beyond it the list is cut in text; JSON has all. */
const SHOWN_MAX = 200;

/** The block below the results. */
export function coverageText(io: Io, report: TestReport): string {
  const summary = summaryOf(report);
  if (summary === null) return '';
  const { rules, elements, uncovered } = summary;
  const lines = uncovered.slice(0, SHOWN_MAX).map(({ rule, element, at }) => {
    const place = paint(io, 'dim', printable(`${at.file}:${at.line ?? 1}:${at.column ?? 1}`));
    const what = printable(element === null ? rule : `${rule} ${element}`);
    return `  ${paint(io, 'yellow', 'uncovered')}  ${what}  ${place}\n`;
  });
  const more = uncovered.length > SHOWN_MAX ? `  and ${uncovered.length - SHOWN_MAX} more\n` : '';
  return `coverage: rules ${shareText(rules)}, elements ${shareText(elements)}\n${lines.join('')}${more}`;
}

const shareText = ({ covered, of }: Share): string =>
  `${covered} of ${of}${of === 0 ? '' : ` (${Math.floor((100 * covered) / of)} %)`}`;

/** Every rule with the cases that covered it, and its elements. */
export function coverageJson(report: TestReport): object | null {
  const summary = summaryOf(report);
  const coverage: Coverage | null = report.coverage;
  if (summary === null || coverage === null) return null;
  return {
    ...summary,
    byRule: coverage.map(({ rule, at, count, cases, elements }) => ({
      rule,
      at,
      count,
      cases,
      elements: elements.map(({ what, kind, count: hits, cases: names }) => {
        return { element: what, kind, count: hits, cases: names };
      }),
    })),
  };
}
