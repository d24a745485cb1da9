// Policies swapped under load: 1,000 rules, one of them another one each time.
import { Agent, get } from 'node:https';
import { writePolicies } from '../peers/ours.ts';
import { clientMaterial } from '../pki.ts';
import { benchRules } from '../rules.ts';
import { changeUnderLoad, LOAD, RULES } from './change-under-load.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

export const reload: Scenario = {
  name: 'reload',
  summary: `event-loop delay while ${RULES} rules are reloaded under ${LOAD.perSecond} requests a second`,
  full: { rounds: 3, seconds: 6 },
  quick: null,
  run,
};

async function run(bench: Bench): Promise<Found> {
  const { pki, allowed } = bench.setup;
  const caller = clientMaterial(pki, pki.client);
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    ca: caller.authority,
    cert: caller.certificate,
    key: caller.key,
  });
  const pathOf = (i: number): string => `/reloaded/${i}`;
  try {
    return await changeUnderLoad(bench, bench.setup, {
      name: 'reload',
      async make(prepared, i) {
        const rules = benchRules(RULES, allowed);
        rules[0] = { ...allowed, path: pathOf(i) };
        writePolicies(prepared, rules, pki.namespace);
      },
      inEffect: async ({ port }, i) => (await statusOf(agent, port, pathOf(i))) === 200,
    });
  } finally {
    agent.destroy();
  }
}

function statusOf(agent: Agent, port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get({ agent, host: '127.0.0.1', port, path, servername: 'localhost' }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
  });
}
