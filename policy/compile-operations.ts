// Splits operations with long lists of paths or hosts: matching one entry then costs a few comparisons, not
// thousands.
import { type Clause, type Condition, negativeName } from './model.ts';

// Values of one field in one entry.
const VALUES_MAX = 8;
// More parts than this for one operation: its hosts stay together.
const PARTS_MAX = 256;

/**
 * The same operation as several, whose OR it is: `{paths: [20 values]}` becomes three with 8, 8 and 4 values.
 * `notPaths` beside them becomes a condition of its own, which each part repeats.
 */
export function splitOperation(operation: Clause): readonly Clause[] {
  const paths = operation.find((condition) => condition.field === 'paths');
  const hosts = operation.find((condition) => condition.field === 'hosts');
  const pathParts = paths === undefined ? 1 : partsOf(paths);
  const hostParts = hosts === undefined ? 1 : partsOf(hosts);
  let parts: Clause[] = [operation];
  if (paths !== undefined && pathParts > 1) parts = parts.flatMap((part) => splitAt(part, paths));
  if (hosts !== undefined && hostParts > 1 && pathParts * hostParts <= PARTS_MAX)
    parts = parts.flatMap((part) => splitAt(part, hosts));
  return parts;
}

function partsOf(condition: Condition): number {
  return Math.ceil(condition.values.length / VALUES_MAX);
}

function splitAt(operation: Clause, condition: Condition): Clause[] {
  const at = operation.indexOf(condition);
  const not =
    condition.notValues.length === 0
      ? []
      : [{ ...condition, name: negativeName(condition.name), values: [] }];
  return Array.from({ length: partsOf(condition) }, (_, i) => {
    const values = condition.values.slice(i * VALUES_MAX, (i + 1) * VALUES_MAX);
    return [
      ...operation.slice(0, at),
      { ...condition, values, notValues: [] },
      ...not,
      ...operation.slice(at + 1),
    ];
  });
}
