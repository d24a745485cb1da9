// What Istio's own resource definition of AuthorizationPolicy (security.istio.io/v1) accepts, as far as we
// write it: closed objects, so that a key Istio would not know is a fault.
import { z } from 'zod';

const texts = z.array(z.string()).optional();
const name = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/);
const labels = z.record(z.string(), z.string());

const source = z.strictObject({
  ...{ principals: texts, notPrincipals: texts, requestPrincipals: texts, notRequestPrincipals: texts },
  ...{ namespaces: texts, notNamespaces: texts, ipBlocks: texts, notIpBlocks: texts },
  ...{ remoteIpBlocks: texts, notRemoteIpBlocks: texts, serviceAccounts: texts, notServiceAccounts: texts },
});
const operation = z.strictObject({
  ...{ hosts: texts, notHosts: texts, ports: texts, notPorts: texts },
  ...{ methods: texts, notMethods: texts, paths: texts, notPaths: texts },
});

/** One AuthorizationPolicy. */
export const ISTIO_POLICY = z.strictObject({
  apiVersion: z.literal('security.istio.io/v1'),
  kind: z.literal('AuthorizationPolicy'),
  metadata: z.strictObject({
    name,
    namespace: name,
    labels: labels.optional(),
    annotations: labels.optional(),
  }),
  spec: z.strictObject({
    selector: z.strictObject({ matchLabels: labels.optional() }).optional(),
    action: z.enum(['ALLOW', 'DENY', 'AUDIT', 'CUSTOM']).optional(),
    rules: z
      .array(
        z.strictObject({
          from: z.array(z.strictObject({ source })).max(512).optional(),
          to: z.array(z.strictObject({ operation })).optional(),
          when: z.array(z.strictObject({ key: z.string(), values: texts, notValues: texts })).optional(),
        }),
      )
      .max(512)
      .optional(),
  }),
});
