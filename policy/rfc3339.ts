// Times of RFC 3339 section 5.6, as annotations write them.

const SHAPE = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))$/i;

/** Unix milliseconds of an RFC 3339 time, or null. Days that do not exist and leap seconds are refused. */
export function parseRfc3339(text: string): number | null {
  const m = SHAPE.exec(text);
  if (m === null) return null;
  const n = (index: number): number => Number(m[index] ?? '0');
  const [year, month, day, hour, minute, second] = [n(1), n(2), n(3), n(4), n(5), n(6)];
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59 || n(9) > 23 || n(10) > 59)
    return null;
  const ms = Math.floor(Number(`0.${m[7] ?? '0'}`) * 1000);
  const utc = Date.UTC(year, month - 1, day, hour, minute, second, ms);
  // Date.UTC carries 30 February into March; a day that moved did not exist.
  if (year < 1000 || new Date(utc).getUTCDate() !== day) return null;
  const offsetMs = (n(9) * 60 + n(10)) * 60_000;
  return m[8] === '-' ? utc + offsetMs : utc - offsetMs;
}
