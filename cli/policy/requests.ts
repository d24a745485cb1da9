// Reads requests as JSON: one a line for `policy eval`, one a file for `policy explain`. Every fault has its
// place.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { type Diagnostic, errorCode, SallyportError } from '../../core/errors.ts';
import { type JudgedRequest, readRequestJson } from '../../policy/request-json.ts';
import type { Io } from '../io.ts';
import type { PolicyInput } from './input.ts';

/** One request text and where it stands. */
export interface RequestLine {
  readonly file: string;
  readonly line: number;
  readonly value: unknown;
  readonly text: string;
}

const TEXT_SHOWN_MAX = 160;

/** Reads a file, or standard input for `-`. @throws ERR_REQUEST_FILE */
export async function readRequestText(file: string, io: Io): Promise<string> {
  if (file === '-') return readAll(process.stdin);
  try {
    return await readFile(resolve(io.cwd, file), 'utf8');
  } catch (cause) {
    const code = errorCode(cause);
    throw new SallyportError(
      'ERR_REQUEST_FILE',
      code === 'ENOENT' ? `\`${file}\` does not exist` : `\`${file}\` cannot be read: ${code}`,
      { hint: 'name a file with requests, or `-` for standard input', cause },
    );
  }
}

/**
 * Parses JSON Lines; empty lines are passed over. @throws ERR_REQUEST_INVALID with every line that is not
 * JSON
 */
export function parseRequestLines(text: string, file: string): RequestLine[] {
  const faults: Diagnostic[] = [];
  const out: RequestLine[] = [];
  for (const [index, content] of text.split('\n').entries()) {
    if (content.trim() === '') continue;
    const line = index + 1;
    try {
      out.push({ file, line, value: JSON.parse(content), text: content });
    } catch (error) {
      faults.push(
        faultAt(
          { file, line, value: null, text: content },
          `not JSON: ${error instanceof Error ? error.message : error}`,
        ),
      );
    }
  }
  refuse(faults);
  return out;
}

/** Checks and normalizes requests. @throws ERR_REQUEST_INVALID with every fault of every line */
export function judgedRequests(lines: readonly RequestLine[], input: PolicyInput): JudgedRequest[] {
  const faults: Diagnostic[] = [];
  const out: JudgedRequest[] = [];
  for (const line of lines) {
    const result = readRequestJson(line.value, input.pathMode(portOf(line.value)));
    if ('judged' in result) out.push(result.judged);
    else
      for (const { path, message, hint } of result.faults)
        faults.push(faultAt(line, path === '' ? message : `\`${path}\`: ${message}`, hint));
  }
  refuse(faults);
  return out;
}

/** A finding about a request line. */
export function faultAt(line: RequestLine, message: string, hint?: string): Diagnostic {
  const text = line.text.length > TEXT_SHOWN_MAX ? `${line.text.slice(0, TEXT_SHOWN_MAX)}…` : line.text;
  return {
    severity: 'error',
    code: 'ERR_REQUEST_INVALID',
    message,
    ...(hint === undefined ? {} : { hint }),
    at: { file: line.file, line: line.line, column: 1 },
    text,
  };
}

/** Throws when there are faults. @throws ERR_REQUEST_INVALID */
export function refuse(faults: readonly Diagnostic[]): void {
  if (faults.length > 0)
    throw new SallyportError('ERR_REQUEST_INVALID', 'the requests have errors, and nothing was evaluated', {
      diagnostics: faults,
    });
}

/** The trust domain most requests come from: a guess for want of a configuration, and printed as such. */
export function usualTrustDomain(lines: readonly RequestLine[]): string | null {
  const counts = new Map<string, number>();
  for (const { value } of lines) {
    const principal = isRecord(value) ? value['principal'] : null;
    if (typeof principal !== 'string' || !principal.startsWith('spiffe://')) continue;
    const trustDomain = principal.slice(9).split('/', 1)[0] ?? '';
    counts.set(trustDomain, (counts.get(trustDomain) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return most?.[0] ?? null;
}

function portOf(value: unknown): number | null {
  const destination = isRecord(value) ? value['destination'] : null;
  const port = isRecord(destination) ? destination['port'] : null;
  return typeof port === 'number' ? port : null;
}

/** True for a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
