// One finding, with what the table of codes knows of it.
import type { Diagnostic, Position } from '../../core/errors.ts';
import type { Rule } from '../model.ts';
import { LINT_CODES, type LintName } from './codes.ts';

/** What a finding says beyond its code. */
interface Said {
  readonly hint?: string;
  /** The other rule that it is about. */
  readonly related?: Position;
}

/** A finding at a place. Without `hint` it gives the fix of its code. */
export function finding(code: LintName, at: Position, message: string, said: Said = {}): Diagnostic {
  const { severity, fix } = LINT_CODES[code];
  return { severity, code, message, hint: fix, at, ...said };
}

/** `ns[shop]-policy[web]-rule[0] (shop.yaml:7)`. */
export const named = ({ id, at }: Rule): string => `${id} (${at.file}:${at.line ?? 1})`;
