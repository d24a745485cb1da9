// A request that an analysis found, in one line for people.
import type { ExampleRequest } from '../../policy/algebra/example.ts';
import { printable } from '../text.ts';

/** `shop/web GET cart:8080/items/7 to shop app=cart`; only what says something. */
export function exampleText(example: ExampleRequest): string {
  const { principal, sourceIp, remoteIp, destination, sni, http } = example;
  const { namespace, labels, port, ip } = destination;
  const caller = principal === null ? 'a plaintext peer' : principal.slice('spiffe://'.length);
  const what = http === null ? `TCP port ${port}` : `${http.method} ${http.host}${http.path}`;
  const workload = [namespace, ...Object.entries(labels).map(([key, value]) => `${key}=${value}`)].join(' ');
  const more = [
    ...(http?.headers.map(([name, value]) => `${name}: ${value}`) ?? []),
    ...(http !== null && port !== USUAL_PORT ? [`port ${port}`] : []),
    ...(sourceIp !== USUAL_IP ? [`from ${sourceIp ?? 'an unknown address'}`] : []),
    ...(remoteIp !== USUAL_IP && remoteIp !== sourceIp ? [`for ${remoteIp ?? 'an unknown address'}`] : []),
    ...(ip !== USUAL_IP ? [`at ${ip ?? 'an unknown address'}`] : []),
    ...(sni !== null ? [`sni ${sni}`] : []),
  ];
  return printable(`${caller}  ${what}  to ${workload}${more.length === 0 ? '' : `  (${more.join(', ')})`}`);
}

// What policy/algebra shows where any value will do.
const USUAL_PORT = 8080;
const USUAL_IP = '192.0.2.1';
