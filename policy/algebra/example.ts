// One concrete request out of a box, in the form that `policy eval` reads.

import type { Axis } from './axes.ts';
import { firstBit, hasBit, nextBit } from './bits.ts';
import type { Box } from './cover.ts';
import type { Space } from './space.ts';

/** A request and the workload that it is for. */
export interface ExampleRequest {
  readonly principal: string | null;
  readonly sourceIp: string | null;
  readonly remoteIp: string | null;
  readonly destination: {
    readonly ip: string | null;
    readonly port: number;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly sni: string | null;
  readonly http: {
    readonly method: string;
    readonly path: string;
    readonly host: string;
    readonly headers: readonly (readonly [string, string])[];
  } | null;
}

const OTHER_NAMES = ['default', 'other'];
const OTHER_PORTS = ['80', '443', '9090', '3000', '5000', '1'];

/**
 * A request of `box`: what the policies name where the box wants something, what is usual where it does not.
 */
export function exampleOf(space: Space, box: Box): ExampleRequest {
  const labels: Record<string, string> = {};
  const headers: (readonly [string, string])[] = [];
  const texts = new Map<string, string | null>();
  let [port, namespace, isHttp] = ['8080', 'default', true];
  for (const [index, axis] of space.axes.entries()) {
    const side = box[index];
    if (side === undefined) continue;
    const free = side === space.all[index];
    const first = firstBit(side);
    switch (axis.kind) {
      case 'text':
        texts.set(axis.field, axis.texts.example(free ? axis.texts.usual : first));
        break;
      case 'address':
        // The first class is an unknown address: only where nothing else will do.
        texts.set(axis.field, axis.addresses.example(nextBit(side, 1)));
        break;
      case 'header':
        for (const value of axis.header.example(first)) headers.push([axis.name, value]);
        break;
      case 'value': {
        const value = axis.values[first] ?? otherThan(axis);
        if (axis.field === 'port') port = value;
        else namespace = value;
        break;
      }
      case 'label': {
        const value = axis.values[first];
        if (value !== undefined && !free) labels[axis.name] = value;
        break;
      }
      case 'protocol':
        isHttp = hasBit(side, 0);
        break;
      case 'open':
        break;
    }
  }
  const peer = texts.get('peer') ?? null;
  // Without a client address of its own a request has that of its peer: both are unknown, or none.
  const peerMayBeUnknown = space.axes.some(
    (axis, i) =>
      axis.kind === 'address' && axis.field === 'sourceIp' && box[i] !== undefined && hasBit(box[i], 0),
  );
  if ((texts.get('remoteIp') ?? null) === null && peerMayBeUnknown) texts.set('sourceIp', null);
  return {
    principal: peer === null ? null : `spiffe://${peer}`,
    sourceIp: texts.get('sourceIp') ?? null,
    remoteIp: texts.get('remoteIp') ?? null,
    destination: { ip: texts.get('destinationIp') ?? null, port: Number(port), namespace, labels },
    sni: texts.get('sni') ?? null,
    http: isHttp
      ? {
          method: texts.get('method') ?? '',
          path: texts.get('path') ?? '',
          host: texts.get('host') ?? '',
          headers,
        }
      : null,
  };
}

/** A value that the policies do not name. */
function otherThan({ field, values }: Extract<Axis, { kind: 'value' }>): string {
  const names = field === 'port' ? OTHER_PORTS : OTHER_NAMES;
  return names.find((name) => !values.includes(name)) ?? unusedNumber(values);
}

function unusedNumber(values: readonly string[]): string {
  let number = 1;
  while (values.includes(String(number))) number++;
  return String(number);
}
