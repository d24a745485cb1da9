// The Workload API as a source of SVIDs, with our own server as the agent: the contract of all sources.
import { openWorkloadApiSource } from '../../certs/workload-api/svid-source.ts';
import { updateOf } from '../unit/certs/workload-api/held-feed.ts';
import { agentHarness } from './agent-harness.ts';
import { svidSourceContract } from './svid-source.ts';

svidSourceContract({
  name: 'the Workload API',
  badFirstSet: 'waits',
  federates: true,
  create: () =>
    agentHarness({
      updateOf,
      open: (socket) => openWorkloadApiSource({ socket, trustDomain: 'example.org' }),
    }),
});
