// docs/lint.md from the tables of findings and errors: docs/generate.ts writes what this returns.
import { LINT_CODES } from '../policy/lint/codes.ts';
import { ERROR_CODES } from '../policy/lint/error-codes.ts';

const INTRODUCTION = `# Findings of policies

<!-- Generated from policy/lint/codes.ts and policy/lint/error-codes.ts by \`npm run docs\`. -->

What [\`sallyport policy check\`](policy-check.md) says, by code. Codes are stable: they are in the JSON
and SARIF output, and \`--ignore CODE\` leaves one kind of finding out.
A *warning* fails \`--strict\`, a *notice* never does.

| code | severity | what it is | why it matters | what to do |
|---|---|---|---|---|
`;

const ERRORS = `
## Errors

A policy with an error is refused, and with it all policies of its namespace; a proxy keeps the last good
ones. Each error is shown with its place, the offending text and what to write instead.
Errors cannot be ignored.

| code | what it is |
|---|---|
`;

/** The whole document. */
export function lintReference(): string {
  const rows = Object.entries(LINT_CODES).map(([code, { severity, title, meaning, fix }]) =>
    row([`\`${code}\``, severity, title, meaning, fix]),
  );
  const errors = Object.entries(ERROR_CODES).map(([code, title]) => row([`\`${code}\``, title]));
  return INTRODUCTION + rows.join('') + ERRORS + errors.join('');
}

const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
