// Every scenario, in the order of a full run: the main ones first, on processes that did nothing else yet.
import { bodies } from './bodies.ts';
import { connections } from './connections.ts';
import { decision } from './decision.ts';
import { denied } from './denied.ts';
import { handshake } from './handshake.ts';
import { http2 } from './http2.ts';
import { idle } from './idle.ts';
import { latency } from './latency.ts';
import { memory } from './memory.ts';
import { pair } from './pair.ts';
import { reload } from './reload.ts';
import { requests } from './requests.ts';
import { rotation } from './rotation.ts';
import { rules } from './rules.ts';
import type { Scenario } from './scenario.ts';
import { slow } from './slow.ts';
import { start } from './start.ts';
import { streams } from './streams.ts';

export const SCENARIOS: readonly Scenario[] = [
  requests,
  latency,
  handshake,
  pair,
  http2,
  decision,
  rules,
  bodies,
  connections,
  denied,
  slow,
  reload,
  rotation,
  idle,
  memory,
  streams,
  start,
];
