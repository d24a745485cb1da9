// Baseline of the idle scenario: a bare node:tls server without any proxy in it.
import { nodeProcess } from './node-process.ts';

export const bareTls = nodeProcess('bare-tls', { rules: 0, bodyBytes: 2 });
