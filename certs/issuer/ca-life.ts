// The life of the roots: prepare (published, does not sign), activate (signs; the old one stays published),
// retire (leaves the bundle when its last SVID has ended; by force, it is withdrawn with all of them).
import { ROOTS_MAX } from '../limits.ts';
import type { LiveCa } from './authorities.ts';
import { activationAllowedAtMs, caSchedule } from './ca-schedule.ts';
import type { CaStatus, CaStep } from './issuer.ts';
import { IssuerError } from './issuer-error.ts';
import type { IssuerParts } from './issuer-parts.ts';

export interface StepRequest {
  readonly step: CaStep;
  readonly author: string;
  readonly force: boolean;
}

/** The author of what the schedule does. */
const SCHEDULE = 'schedule';

export class CaLife {
  readonly #parts: IssuerParts;

  constructor(parts: IssuerParts) {
    this.#parts = parts;
  }

  status(): CaStatus {
    const { authorities, settings } = this.#parts;
    const { authorities: roots, ...rest } = caSchedule(authorities.refresh(), settings.overlapMs);
    return { authorities: roots.map(publicRow), ...rest };
  }

  /** See Issuer.rotateCa. */
  step({ step, author, force }: StepRequest): CaStatus {
    const { authorities, clock, counters, db } = this.#parts;
    const nowMs = clock.now();
    authorities.refresh();
    const withdrawn = db.transact(() => {
      if (step === 'retire') return this.#retire({ author, force, nowMs });
      if (step === 'prepare') this.#prepare(author, nowMs);
      else this.#activate({ author, force, nowMs });
      return 0;
    });
    counters.revokedBy('ca-withdrawn', withdrawn);
    if (step === 'retire') db.checkpoint();
    return this.status();
  }

  /** Does what is due. What keeps peers going comes first, and what might be refused at every tick last. */
  tick(): void {
    const { authorities, clock } = this.#parts;
    const nowMs = clock.now();
    authorities.refresh();
    this.#signCrls(nowMs);
    // Room is made before `prepare` needs it; what `activate` replaces may have nothing to wait for.
    for (const step of ['retire', 'prepare', 'activate', 'retire'] as const) {
      const atMs = this.status()[`${step}AtMs`];
      if (atMs !== null && nowMs >= atMs) this.step({ step, author: SCHEDULE, force: false });
    }
  }

  #prepare(author: string, nowMs: number): void {
    const { audit, authorities, trust } = this.#parts;
    if (authorities.inState('prepared') !== undefined)
      throw stepError('a CA is prepared already', 'activate it');
    if (authorities.live.length >= ROOTS_MAX)
      throw stepError(`${ROOTS_MAX} CAs are published already`, 'retire the oldest one');
    const id = authorities.create('prepared', nowMs);
    trust.change();
    audit.append('ca-prepared', nowMs, { caId: id, author });
  }

  #activate({ author, force, nowMs }: Omit<StepRequest, 'step'> & { nowMs: number }): void {
    const { audit, authorities, settings, svids, trust } = this.#parts;
    const prepared = authorities.inState('prepared');
    if (prepared === undefined) throw stepError('no CA is prepared', 'prepare one first');
    const allowedAtMs = activationAllowedAtMs(authorities.live, settings.overlapMs) ?? 0;
    if (nowMs < allowedAtMs && !force)
      throw stepError(
        `the prepared CA may sign from ${new Date(allowedAtMs).toISOString()} on: not everyone knows it yet`,
        'wait, or add `--force` if the active CA is compromised',
      );
    const active = authorities.inState('active');
    authorities.activate(prepared.id, nowMs);
    // INVARIANT: every SVID of the old root is asked to be replaced before the root can be withdrawn unseen
    if (force && active !== undefined)
      for (const { serial } of svids.validOfCa(active.id, nowMs))
        svids.askRenewal(serial, { nowMs, ends: false });
    trust.change();
    const forced = force && nowMs < allowedAtMs;
    audit.append('ca-activated', nowMs, { caId: prepared.id, before: active?.id ?? null, author, forced });
  }

  /** How many SVIDs it withdrew. */
  #retire({ author, force, nowMs }: Omit<StepRequest, 'step'> & { nowMs: number }): number {
    const { audit, authorities, svids, trust } = this.#parts;
    const retiring = authorities.live.filter((ca) => ca.state === 'retiring');
    const [first] = retiring.sort((a, b) => (a.lastSvidEndMs ?? 0) - (b.lastSvidEndMs ?? 0));
    if (first === undefined) throw stepError('no CA is retiring', 'activate a prepared one first');
    const endMs = first.lastSvidEndMs ?? 0;
    if (nowMs < endMs && !force)
      throw stepError(
        `SVIDs that the old CA signed are valid until ${new Date(endMs).toISOString()}`,
        'wait, or add `--force`: their holders must then attest anew',
      );
    const withdrawn = force ? svids.validOfCa(first.id, nowMs) : [];
    for (const { serial } of withdrawn)
      svids.revoke(serial, { atMs: nowMs, cause: 'ca-withdrawn', reason: 'its CA was withdrawn' });
    authorities.retire(first.id);
    trust.change();
    const event = nowMs < endMs ? 'ca-withdrawn' : 'ca-retired';
    audit.append(event, nowMs, { caId: first.id, author, serials: withdrawn.map((row) => row.serial) });
    return withdrawn.length;
  }

  /** Signs anew what is past half of its life, or dated in the future because the clock went back. */
  #signCrls(nowMs: number): void {
    const { authorities, db, trust } = this.#parts;
    const stale = authorities.live.filter(
      ({ crlThisUpdateMs: from, crlNextUpdateMs: until }) => nowMs < from || nowMs >= (from + until) / 2,
    );
    if (stale.length === 0) return;
    db.transact(() => {
      for (const ca of stale) authorities.signCrl(ca.id, nowMs);
      trust.change();
    });
  }
}

function publicRow(ca: LiveCa | CaStatus['authorities'][number]): CaStatus['authorities'][number] {
  const { id, state, fingerprintSha256, publishedAtMs, activatedAtMs } = ca;
  const { notBeforeMs, notAfterMs, lastSvidEndMs } = ca;
  return {
    id,
    state,
    fingerprintSha256,
    publishedAtMs,
    activatedAtMs,
    notBeforeMs,
    notAfterMs,
    lastSvidEndMs,
  };
}

const stepError = (message: string, hint: string): IssuerError =>
  new IssuerError('ERR_ISSUER_CA_STEP', message, { hint });
