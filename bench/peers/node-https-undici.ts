// Baseline peer: node:https + undici dispatch.
import { nodeProcess } from './node-process.ts';

export const nodeHttpsUndici = nodeProcess('node-https-undici', { rules: 1 });
