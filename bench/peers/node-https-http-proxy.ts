// Baseline peer: node:https + http-proxy.
import { nodeProcess } from './node-process.ts';

export const nodeHttpsHttpProxy = nodeProcess('node-https-http-proxy', { needs: 'http-proxy', rules: 1 });
