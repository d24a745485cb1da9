// The decision: what a connection left of the table, asked about one request. Pure and synchronous;
// allocates nothing once a set of matching rules has been seen.
import type { Decision, RequestFacts } from './request.ts';
import type { Residual } from './residual.ts';
import { itemsOf } from './residual-peer.ts';
import { GROUP_ENTRIES } from './table-layout.ts';

/**
 * Decides one request. DENY before ALLOW before the default; AUDIT and dry runs beside it.
 * @example evaluate(residualFor(table, connection, Date.now()), { http, remoteIp: null }).verdict
 */
export function evaluate(residual: Residual, request: RequestFacts): Decision {
  const known = residual.byRemote === null ? residual : residual.byRemote(request.remoteIp);
  if (request.http === null) {
    known.tcpDecision ??= decideTcp(known);
    return known.tcpDecision;
  }
  const { table, scan, roots, own } = known;
  const { run } = table;
  run.begin(request.http);
  run.scan(scan);
  for (let i = 0; i < roots.length; i++) run.root(table, roots[i]!);
  if (own !== null) run.root(own.index, own.root);
  return run.decide(table.decisions);
}

/** Without HTTP an index says nothing: every entry is tested, once for all connections of the class. */
function decideTcp({ table, groups }: Residual): Decision {
  const { run } = table;
  run.begin(null);
  for (const at of groups) {
    for (const entry of itemsOf(table.groups[at + GROUP_ENTRIES]!, table.lists)) run.list(entry, table.lists);
  }
  return run.decide(table.decisions);
}
