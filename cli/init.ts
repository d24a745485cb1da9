// `sallyport init DIR`: everything a first try in front of an own service needs, and the command lines for
// it.
import { join, relative, resolve } from 'node:path';
import { parseConnectAddress, parseListenAddress } from '../core/config/values.ts';
import { parseSpiffeId } from '../core/spiffe-id.ts';
import { parseOptions, usage } from './args.ts';
import { writeOutputs } from './certs-arguments.ts';
import { type InitPlan, initFolders, spiffeIdOf } from './init-files.ts';
import type { Verb } from './io.ts';
import { selfCommand } from './self-command.ts';

/** One line for `--help`. */
export const INIT_USAGE =
  'sallyport init DIR [--service app] [--client client] [--namespace default] [--trust-domain example.org] [--listen 127.0.0.1:8443] [--upstream 127.0.0.1:8080] [--force]';

export const init: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        service: { type: 'string', default: 'app' },
        client: { type: 'string', default: 'client' },
        namespace: { type: 'string', default: 'default' },
        'trust-domain': { type: 'string', default: 'example.org' },
        listen: { type: 'string', default: '127.0.0.1:8443' },
        upstream: { type: 'string', default: '127.0.0.1:8080' },
        force: { type: 'boolean', default: false },
      },
    },
    INIT_USAGE,
  );
  const [dir, ...extra] = positionals;
  if (dir === undefined || extra.length > 0) throw usage('exactly one folder is needed', INIT_USAGE);
  if (values.service === values.client)
    throw usage('--service and --client are the same account', 'a service that calls itself needs no proxy');
  const plan: InitPlan = {
    trustDomain: values['trust-domain'],
    namespace: values.namespace,
    service: values.service,
    client: values.client,
    listen: address(parseListenAddress(values.listen), '--listen', values.listen),
    upstream: address(parseConnectAddress(values.upstream), '--upstream', values.upstream),
  };
  for (const account of [plan.service, plan.client]) parseSpiffeId(spiffeIdOf(plan, account));
  for (const { folder, files } of await initFolders(plan))
    await writeOutputs(io, join(dir, folder), files, values.force);
  io.out(nextSteps(dir, plan, relative(io.cwd, resolve(io.cwd, dir)) || '.'));
  return 0;
};

type Parsed<T> = { readonly value: T } | { readonly fault: string; readonly hint: string };

function address<T>(parsed: Parsed<T>, option: string, text: string): T {
  if ('value' in parsed) return parsed.value;
  throw usage(`\`${option} ${text}\` ${parsed.fault}`, parsed.hint);
}

function nextSteps(dir: string, plan: InitPlan, shown: string): string {
  const { listen, upstream } = plan;
  const file = (name: string): string => join(shown, name);
  const self = selfCommand();
  const identity = `--cert ${file('client/tls.crt')} --key ${file('client/tls.key')}`;
  const call = `--cacert ${file('ca/ca.pem')} ${identity} https://localhost:${listen.port}/`;
  return `${dir}: a CA, two identities, a configuration and a first policy

  ${file('sallyport.yaml')}   the configuration
  ${file(`policies/${plan.client}.yaml`)}   ${spiffeIdOf(plan, plan.client)} may GET
  ${file('identity/')}   the SVID of ${spiffeIdOf(plan, plan.service)}
  ${file('client/')}   the SVID of the caller

1. start your service on ${upstream.host}:${upstream.port} (plain HTTP, loopback only)
2. ${self} proxy --config ${file('sallyport.yaml')}
3. curl ${call}

A POST is denied; the proxy's log says which rule came nearest:
   curl -X POST ${call}
`;
}
