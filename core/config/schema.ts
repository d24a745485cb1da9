// The configuration file, defined once: from this schema come the types, the validation, the defaults, the
// JSON Schema, docs/config.md and `config explain`. Every key is here with its bounds; what is not here is
// refused.

import {
  choice,
  duration,
  fraction,
  optionalSection,
  optionalText,
  requiredTexts,
  section,
  sections,
  textMap,
  textOr,
  texts,
} from './fields.ts';
import { identity } from './identity.ts';
import { listener } from './listener.ts';
import { listenAddressOr, pathOrNone } from './places.ts';
import {
  ACCOUNT,
  LABEL_KEY,
  LABEL_VALUE,
  LOG_FIELD,
  LOG_TEXT,
  NAME,
  PRIVATE_FIELD,
  TRUST_DOMAIN,
  TRUST_DOMAIN_OR_ANY,
} from './rules.ts';
import { PATH_RULE } from './text-rule.ts';
import { tracing } from './tracing.ts';

const workload = {
  namespace: optionalText(
    'that of the own SVID',
    NAME,
    'Its namespace; another than the SVID’s is an error.',
  ),
  serviceAccount: optionalText(
    'that of the own SVID',
    ACCOUNT,
    'Its service account; another than the SVID’s is an error.',
  ),
  labels: textMap({ key: LABEL_KEY, value: LABEL_VALUE }, 'What the selectors of policies match.'),
};

const policy = {
  files: requiredTexts(
    PATH_RULE,
    'AuthorizationPolicy resources. Folders are read with everything below; an empty one denies all.',
  ),
  rootNamespace: textOr('istio-system', NAME, 'Policies in it select workloads of every namespace.'),
  mode: choice(
    ['enforce', 'audit'],
    'enforce',
    '`audit`: forward what a policy would deny, and record it. Watched, as the files are.',
  ),
  defaultVerdict: choice(
    ['deny', 'allow-when-unselected'],
    'deny',
    'The verdict when no ALLOW policy selects the workload.',
  ),
  trustDomains: texts(
    TRUST_DOMAIN_OR_ANY,
    'Trust domains besides the own one whose namespaces and service accounts may widen access.',
  ),
  trustDomainAliases: texts(TRUST_DOMAIN, 'Trust domains that stand for the own one in principals.'),
  revokeGrace: duration(
    { default: '0s', min: '0s', max: '1h' },
    'How long a request in flight that a policy change denies may go on.',
  ),
  emergencyMax: duration({ default: '24h', min: '1m', max: '30d' }, 'Longest life of an emergency rule.'),
};

const log = {
  level: choice(['debug', 'info', 'warn', 'error'], 'info', 'Lines about the proxy itself.'),
  decisions: choice(['none', 'denied', 'sampled', 'all'], 'denied', 'Lines about requests.'),
  sample: fraction(0.01, 'Part of the allowed requests that `sampled` writes.'),
  fields: textMap({ key: LOG_FIELD, value: LOG_TEXT }, 'Fixed fields on every line.'),
  redact: texts(PRIVATE_FIELD, 'Fields whose values are not written.'),
};

const LISTENERS_MAX = 64;

/** The whole file. */
export const configSchema = section(
  {
    workload: optionalSection(workload, 'The workload that this proxy stands before.'),
    identity,
    listeners: sections(listener, LISTENERS_MAX, 'Where requests come in.'),
    policy: section(policy, 'What is allowed.'),
    status: optionalSection(
      { address: listenAddressOr('0.0.0.0:15021', 'Serves /healthz, /readyz and /metrics only.') },
      'For probes and Prometheus.',
    ),
    admin: optionalSection(
      {
        address: listenAddressOr(
          '127.0.0.1:15000',
          'Serves /policy, /connections, /flows, /config; loopback only.',
        ),
      },
      'For the operator on this machine.',
    ),
    log: optionalSection(log, 'JSON lines on standard output.'),
    flows: optionalSection(
      {
        file: pathOrNone('Records are appended here too; they are always kept in memory and at /flows.'),
        interval: duration({ default: '10s', min: '1s', max: '1h' }, 'The time that one record sums up.'),
      },
      'Who called whom, aggregated.',
    ),
    tracing,
    shutdown: optionalSection(
      {
        delay: duration(
          { default: '5s', min: '0s', max: '10m' },
          'Not ready, but still accepting, after SIGTERM.',
        ),
        drain: duration({ default: '30s', min: '0s', max: '1h' }, 'For requests in flight, after the delay.'),
      },
      'What SIGTERM starts.',
    ),
  },
  'sallyport configuration.',
);
