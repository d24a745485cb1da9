// docs/reasons.md from the table of reasons: docs/generate.ts writes what this returns.
import { REASON_NAMES, REASONS } from '../core/reasons.ts';

const INTRODUCTION = `# Reasons

<!-- Generated from core/reasons.ts by \`npm run docs\`. Edit the table, not this file. -->

Every request and connection ends with exactly one of these words. It is the same word in the answer
(problem+json \`code\`), in the decision log (\`reason\`), in the metrics (\`reason\`) and in
\`sallyport policy explain\`. Status 0 means that the caller gets no HTTP answer: the connection ends before a
request was read, or in the middle of one.
*Source* says whose doing it is; *repeat* whether the same request may be sent again as it is.

| reason | status | source | repeat | meaning, and what to do |
|---|---|---|---|---|
`;

/** The whole document. */
export function reasonsReference(): string {
  const rows = REASON_NAMES.map((name) => {
    const { status, source, retryable, hint } = REASONS[name];
    const cells = [`\`${name}\``, status, source, retryable ? 'yes' : 'no', hint.replaceAll('|', '\\|')];
    return `| ${cells.join(' | ')} |\n`;
  });
  return INTRODUCTION + rows.join('');
}
