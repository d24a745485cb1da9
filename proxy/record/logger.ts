// The operational log: start, swap, problem, one line each. pino makes the lines, the bounded writer carries
// them.
import pino from 'pino';
import type { Lines } from './line-writer.ts';

/** `log.level` of the configuration. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What happened, in lower case without a final period; `fields` say with what. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Lines of JSON: `time level msg` and the given fields; an `err` field is an Error with its code. */
export function createLogger(options: {
  lines: Lines;
  level: LogLevel;
  /** `log.fields`: on every line. */
  fields?: Readonly<Record<string, string>>;
}): Logger {
  const { lines, level, fields = {} } = options;
  const log = pino(
    {
      level,
      base: { ...fields },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => lines.write(line) },
  );
  return {
    debug: (message, more = {}) => log.debug(more, message),
    info: (message, more = {}) => log.info(more, message),
    warn: (message, more = {}) => log.warn(more, message),
    error: (message, more = {}) => log.error(more, message),
  };
}
