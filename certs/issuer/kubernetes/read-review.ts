// The answer to a TokenReview, strictly: whose token it is, or why it is nobody's.

/** A service account, and the pod that the token is bound to. */
export interface ServiceAccount {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Null for a token that is bound to none. */
  readonly pod: string | null;
}

/** What the answer says. */
export type Review =
  | { readonly ok: true; readonly account: ServiceAccount }
  | { readonly ok: false; readonly message: string };

const PREFIX = 'system:serviceaccount:';
const POD_NAME = 'authentication.kubernetes.io/pod-name';
const NAMESPACE_CHARACTERS_MAX = 63; // RFC 1123 label
const NAME_CHARACTERS_MAX = 253; // RFC 1123 subdomain

/** Reads the body of a 201. `audience` must be one that the API server confirms. */
export function readReview(body: Buffer, audience: string): Review {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return no('the answer is not JSON');
  }
  const status = field(value, 'status');
  // TokenReviewStatus: an error says that the token could not be checked, whatever else is there.
  const error = field(status, 'error') ?? '';
  if (error !== '') return no(`not authenticated: ${typeof error === 'string' ? error : 'an error'}`);
  if (field(status, 'authenticated') !== true) return no('not authenticated');
  // An API server that does not know audiences leaves them out: its word is then not about ours.
  const audiences = field(status, 'audiences');
  if (!Array.isArray(audiences) || !audiences.includes(audience))
    return no(`the token is not for audience \`${audience}\``);
  const user = field(status, 'user');
  const name = field(user, 'username');
  const account = typeof name === 'string' ? parseUserName(name) : null;
  if (account === null) return no('the token is not that of a service account');
  const pods = field(field(user, 'extra'), POD_NAME);
  const pod: unknown = Array.isArray(pods) && pods.length === 1 ? pods[0] : null;
  return { ok: true, account: { ...account, pod: typeof pod === 'string' && isName(pod) ? pod : null } };
}

/** `system:serviceaccount:shop:web`, and nothing else. */
export function parseUserName(name: string): { namespace: string; serviceAccount: string } | null {
  if (!name.startsWith(PREFIX)) return null;
  const [namespace, serviceAccount, ...more] = name.slice(PREFIX.length).split(':');
  if (namespace === undefined || serviceAccount === undefined || more.length > 0) return null;
  if (namespace.length > NAMESPACE_CHARACTERS_MAX || namespace.includes('.') || !isName(namespace))
    return null;
  return isName(serviceAccount) ? { namespace, serviceAccount } : null;
}

/** RFC 1123: labels of `a-z`, `0-9` and `-` between dots. */
function isName(text: string): boolean {
  if (text.length > NAME_CHARACTERS_MAX) return false;
  return text.split('.').every((label) => {
    if (label === '' || label.startsWith('-') || label.endsWith('-')) return false;
    for (let i = 0; i < label.length; i++) {
      const c = label.charCodeAt(i);
      const lower = c >= 0x61 && c <= 0x7a;
      const digit = c >= 0x30 && c <= 0x39;
      if (!lower && !digit && c !== 0x2d) return false;
    }
    return true;
  });
}

const no = (message: string): Review => ({ ok: false, message });

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}
