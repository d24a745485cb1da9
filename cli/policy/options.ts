// What a configuration says about reading policies: the one place where its keys become the options of the
// engine.
import type { Config } from '../../core/config/config.ts';
import type { PolicyOptions } from '../../policy/model.ts';

/** The options of the policy engine as `config` gives them. */
export function policyOptionsOf({ policy, identity, listeners }: Config): PolicyOptions {
  return {
    rootNamespace: policy.rootNamespace,
    defaultVerdict: policy.defaultVerdict,
    localTrustDomain: identity.trustDomain,
    trustDomains: policy.trustDomains,
    trustDomainAliases: policy.trustDomainAliases,
    emergencyMaxMs: policy.emergencyMax,
    // Outbound, the caller without TLS is this workload itself.
    acceptsPlaintext: listeners.some(({ direction, mtls }) => direction === 'inbound' && mtls !== 'strict'),
    tcpPorts: [],
  };
}
