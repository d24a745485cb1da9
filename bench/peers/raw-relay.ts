// The floor: raw node:tls and node:net sockets without any of a proxy's work.
import { nodeProcess } from './node-process.ts';

export const rawRelay = nodeProcess('raw-relay', { rules: 0 });
