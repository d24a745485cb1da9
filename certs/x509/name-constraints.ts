// Name constraints (RFC 5280 section 4.2.1.10; X509-SVID section 4.2): what a signing certificate allows
// below itself. URIs, DNS names, IP addresses, emails and directory names are compared; a constraint on any
// other form refuses a certificate that has such a name.
import type { Certificate } from './certificate.ts';
import { EMPTY_NAME } from './certificate.ts';
import type { NameConstraints } from './extensions.ts';
import {
  directoryWithin,
  dnsWithin,
  emailWithin,
  ipWithin,
  isComparableDns,
  isComparableEmail,
  type Mode,
  uriHost,
  uriWithin,
} from './name-constraint-forms.ts';
import type { GeneralNames } from './names.ts';
import { forEachAttribute, printable } from './names.ts';

/** How many comparisons a path search may still make. */
export interface ComparisonBudget {
  left: number;
}

/** Why `certificate` is outside `constraints`, or null. */
export function nameConstraintFault(
  constraints: NameConstraints,
  certificate: Certificate,
  budget: ComparisonBudget,
): string | null {
  const names = certificate.extensions.subjectAltName?.names ?? NO_NAMES;
  return (
    formFault(FORMS.uri, names.uris, constraints, budget) ??
    formFault(FORMS.dns, names.dnsNames, constraints, budget) ??
    formFault(FORMS.ip, names.ipAddresses, constraints, budget) ??
    formFault(
      FORMS.email,
      [...names.emails, ...subjectEmails(certificate, constraints)],
      constraints,
      budget,
    ) ??
    formFault(
      FORMS.directory,
      [...subjectNames(certificate), ...names.directoryNames],
      constraints,
      budget,
    ) ??
    unreadFormFault(constraints.permitted, names) ??
    unreadFormFault(constraints.excluded, names)
  );
}

const NO_NAMES: GeneralNames = {
  uris: [],
  dnsNames: [],
  ipAddresses: [],
  emails: [],
  directoryNames: [],
  otherForms: [],
};

/** One form of names: how its constraints are found, which names can be compared, and how. */
interface Form<T extends string | Buffer> {
  readonly text: string;
  list(names: GeneralNames): readonly T[];
  comparable(name: T): boolean;
  within(name: T, constraint: T, mode: Mode): boolean;
}

const every = (): boolean => true;

const FORMS = {
  uri: form(
    'URI',
    ({ uris }) => uris,
    (uri) => uriHost(uri) !== null,
    uriWithin,
  ),
  dns: form('DNS name', ({ dnsNames }) => dnsNames, isComparableDns, dnsWithin),
  ip: form('IP address', ({ ipAddresses }) => ipAddresses, every, ipWithin),
  email: form('email', ({ emails }) => emails, isComparableEmail, emailWithin),
  directory: form('directory name', ({ directoryNames }) => directoryNames, every, directoryWithin),
} as const;

function form<T extends string | Buffer>(
  text: string,
  list: Form<T>['list'],
  comparable: Form<T>['comparable'],
  within: Form<T>['within'],
): Form<T> {
  return { text, list, comparable, within };
}

function formFault<T extends string | Buffer>(
  { text, list, comparable, within }: Form<T>,
  names: readonly T[],
  constraints: NameConstraints,
  budget: ComparisonBudget,
): string | null {
  const permitted = constraints.permitted === null ? [] : list(constraints.permitted);
  const excluded = constraints.excluded === null ? [] : list(constraints.excluded);
  if (permitted.length === 0 && excluded.length === 0) return null; // a form without subtrees is unrestricted
  budget.left -= names.length * (permitted.length + excluded.length);
  if (budget.left < 0) return 'name constraints and names are too many to compare';
  for (const name of names) {
    const shown = typeof name === 'string' ? ` \`${printable(name)}\`` : '';
    // For URIs this is the rule itself: a constraint on one without a host name refuses.
    if (!comparable(name)) return `${text}${shown} has no host name that a name constraint could apply to`;
    if (excluded.some((constraint) => within(name, constraint, 'exclude')))
      return `${text}${shown} is excluded by a name constraint`;
    if (permitted.length > 0 && !permitted.some((constraint) => within(name, constraint, 'permit')))
      return `${text}${shown} is not permitted by a name constraint`;
  }
  return null;
}

/** The subject is a directory name, unless it is empty. */
const subjectNames = ({ subject }: Certificate): readonly Buffer[] =>
  subject === EMPTY_NAME ? [] : [Buffer.from(subject, 'latin1')];

const EMAIL_ADDRESS = '1.2.840.113549.1.9.1';

/** Emails were once written into the subject; a constraint on emails holds for them too. */
function subjectEmails(
  certificate: Certificate,
  { permitted, excluded }: NameConstraints,
): readonly string[] {
  if ((permitted?.emails.length ?? 0) + (excluded?.emails.length ?? 0) === 0) return [];
  const emails: string[] = [];
  forEachAttribute(Buffer.from(certificate.subject, 'latin1'), (oid, _, content) => {
    if (oid === EMAIL_ADDRESS) emails.push(content.toString('latin1'));
  });
  return emails;
}

/** What cannot be processed, and applies to a name that is there, refuses. */
function unreadFormFault(subtrees: GeneralNames | null, names: GeneralNames): string | null {
  for (const other of subtrees?.otherForms ?? [])
    if (names.otherForms.includes(other)) return `a name constraint on ${other} names is not supported`;
  return null;
}
