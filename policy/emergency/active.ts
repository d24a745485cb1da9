// The emergency policies among others: what they do, and how long they still do it.
import type { Policy } from '../model.ts';

/** One emergency policy. */
export interface EmergencyEntry {
  readonly name: string;
  readonly namespace: string;
  readonly action: 'allow' | 'isolate';
  /** `app=cart`; empty: every workload of the namespace. */
  readonly labels: string;
  readonly expiresAtMs: number;
  /** Not positive: expired. */
  readonly leftMs: number;
  readonly reason: string;
  readonly author: string;
  readonly file: string;
}

/** Active ones first, then expired ones; each by end. */
export function emergencies(policies: readonly Policy[], nowMs: number): EmergencyEntry[] {
  const entries = policies.flatMap((policy): EmergencyEntry[] => {
    const { name, namespace, action, selector, emergency, expiresAtMs, at } = policy;
    if (emergency === null || expiresAtMs === null) return [];
    const labels = Object.entries(selector ?? {}).map(([key, value]) => `${key}=${value}`);
    return [
      {
        ...{ name, namespace, labels: labels.join(','), expiresAtMs, leftMs: expiresAtMs - nowMs },
        ...{ reason: emergency.reason, author: emergency.author, file: at.file },
        action: action === 'DENY' ? 'isolate' : 'allow',
      },
    ];
  });
  const expired = ({ leftMs }: EmergencyEntry): number => (leftMs > 0 ? 0 : 1);
  return entries.sort((a, b) => expired(a) - expired(b) || a.expiresAtMs - b.expiresAtMs);
}
