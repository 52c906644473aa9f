import {
  keyId,
  ownMessages,
  say,
  type Change,
  type ChangeSpec,
  type Said,
  type Selection,
  type UnitRef,
} from '@plumb/api';
import {
  governing,
  guardedKeys,
  isKept,
  isOver,
  judgeStandstill,
  locking,
  policyId,
  toldOfHeld,
  type Cause,
  type ChangeFacts,
  type GateVerdict,
  type PolicyFacts,
} from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import { hideSecrets } from '../delivery/hide-secrets.ts';
import { ChangeRecords, isNews } from './change-records.ts';
import { isEnding, isGoingAnyway } from './ending-namespace.ts';
import { GateObjects, type GateObjectsOptions } from './gate-objects.ts';
import { held, subjectOf, unitOf, type GateRequest, type Passage } from './gate-request.ts';
import { Judge, NOT_ASKED, type Judged, type JudgeOptions } from './judge.ts';
import { refuseApprovals } from './made-by-people.ts';
import { PolicyStatus } from './policy-status.ts';
import { recordPlan } from './record-plan.ts';

export interface GatekeeperOptions extends JudgeOptions {
  /** Told of what people have to hear of a change that passed. */
  tell: (unit: UnitRef, said: Said) => void;
  onFault: (what: string, error: unknown) => void;
}

/** The unit that something is done to. */
type Subject = Pick<GateRequest, 'ref' | 'labels' | 'source' | 'clusterName'>;

/** Authors that the record of a change names. */
const MOST_AUTHORS = 100;
/** What cannot be read is asked for again after this long. Milliseconds. */
const ASK_AGAIN = 5_000;
/** How often a change is judged anew because rules are another by the time the verdict is there. */
const MOST_TRIES = 3;
/** A change is looked at again after this long, whatever wakes it. */
const LOOK_AGAIN = 5 * 60_000;

/** Lets changes pass, or holds them: what the policies, lockdowns and approvals in the cluster say of exactly this change, now. */
export class Gatekeeper {
  readonly #objects: GateObjects;
  readonly #records: ChangeRecords;
  readonly #judge: Judge;
  readonly #policyStatus: PolicyStatus;
  readonly #options: GatekeeperOptions;

  constructor(options: GatekeeperOptions) {
    this.#options = options;
    const { cluster, engine, clock, onFault } = options;
    this.#policyStatus = new PolicyStatus({ cluster, engine, time: () => clock.time(), onFault });
    const onPolicy: GateObjectsOptions['onPolicy'] = (object, facts) => this.#policyStatus.note(object, facts);
    this.#objects = new GateObjects({ ...options, onPolicy });
    this.#records = new ChangeRecords(this.#objects.changes, () => clock.time());
    this.#judge = new Judge(options, { objects: this.#objects, records: this.#records });
  }

  /** Starts looking at what there is, so that no first change has to wait for it. */
  start(): void {
    void this.#objects.known();
  }

  /** Whether anything may be held at all: where the cluster serves no gates, nothing is. */
  async isOnGuard(): Promise<boolean> {
    return (await this.#objects.known()) !== 'none';
  }

  /**
   * @returns null where nothing has to be told of how the change ends
   * @throws PlumbError `build-failed` where it makes approvals, `gated` when it is held; `retryAfter` is when it may pass by itself, at the latest when to look again
   */
  async pass(request: GateRequest): Promise<Passage | null> {
    const unit = unitOf(request);
    if (request.objects.length === 0) return this.#rest(unit, request);
    if (!(await this.#isKnown())) return null;
    refuseApprovals(request.objects);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const facts = await this.#judge.factsOf(request);
      const policies = governing(this.#objects.policies, facts);
      const rules = this.#named(policies);
      const name = this.#records.nameOf({ unit, digest: facts.digest, cause: request.cause });
      const record = this.#records.find(unit, name);
      const judged = await this.#judge.judge(request, { facts, policies, name });
      const { verdict } = judged;
      // What it was judged by may be out of sight by now, or another: what was found by a policy says nothing of what it became meanwhile.
      await this.#isKnown();
      if (rules !== this.#named(governing(this.#objects.policies, facts))) continue;
      if (verdict.state !== 'open') return this.#hold(request, facts, judged);
      this.#guard(request, facts);
      return this.#open(request, { digest: facts.digest, name, record, verdict });
    }
    throw held(
      'waits until the policies that are about it are left as they are: each verdict was out of date',
      ASK_AGAIN,
    );
  }

  /** Names policies, each as it is worded now, and all lockdowns. */
  #named(policies: readonly PolicyFacts[]): string {
    return JSON.stringify([
      ...policies.map((policy) => [policyId(policy), policy.uid, policy.generation]),
      ...this.#objects.lockdowns.map(({ name, at, generation }) => [name, at, generation]),
    ]);
  }

  #guard({ declared, onGuarded }: GateRequest, facts: ChangeFacts): void {
    onGuarded(new Set(guardedKeys(this.#objects.policies, facts, declared).map(keyId)));
  }

  /**
   * Whether there are gates at all.
   * @throws PlumbError `gated` while nobody knows what they say
   */
  async #isKnown(): Promise<boolean> {
    const known = await this.#objects.known();
    if (typeof known === 'object') throw held(`waits until the policies can be read: ${known.trouble}`, ASK_AGAIN);
    return known === 'known';
  }

  /** Records that a change passes, where it was held before. */
  async #open(
    request: GateRequest,
    {
      digest,
      name,
      record,
      verdict,
    }: { digest: string; name: string; record: Change | undefined; verdict: GateVerdict },
  ): Promise<Passage | null> {
    if (record === undefined || record.status?.phase === 'Pending' || record.status?.phase === 'Approved')
      this.#tell(request, name, verdict);
    const { cluster } = request;
    if (request.isDeclared) await this.#records.supersede({ unit: unitOf(request), digest }, cluster);
    // A repair that was held once is repeated: how the first one ended is told.
    const isPast = !isNews(request.cause) && record?.status !== undefined && isOver(record.status.phase);
    if (record === undefined || isPast) return null;
    const { requirements } = verdict;
    const cause = isKept(request.cause) ? record.spec.cause : causeTold(request.cause, verdict);
    const opened = { phase: 'Applying', message: 'it passed every gate', requirements, cause } as const;
    await this.#records.move(record, opened, cluster);
    return this.#passageOf(record, request);
  }

  /** Nothing is to be done: what was being applied is applied, and what was to be applied before is of the past. */
  async #rest(unit: ChangeSpec['unit'], request: GateRequest): Promise<Passage | null> {
    const { bundleDigest, isDeclared, cluster, declared } = request;
    // Of what is as it was declared something may be put right.
    if (declared.length > 0 && (await this.#isKnown())) this.#guard(request, await this.#judge.factsOf(request));
    const [done] = this.#records.applying(unit).filter(({ spec }) => spec.bundleDigest === bundleDigest);
    if (isDeclared) await this.#overtake({ unit, digest: done?.spec.digest ?? '' }, cluster);
    return done === undefined ? null : this.#passageOf(done, request);
  }

  /**
   * What is declared of a unit runs, and no plan was needed to see it. Never throws: what cannot be written is written with the next run.
   * @param isDone whether a change that was being applied is what runs
   */
  async atRest(
    { ref, uid, cluster }: Pick<GateRequest, 'ref' | 'uid' | 'cluster'>,
    isDone: (change: Change) => boolean,
  ): Promise<void> {
    const unit = unitOf({ ref, uid });
    for (const done of this.#records.applying(unit).filter(isDone))
      await this.#passageOf(done, { cluster, secrets: [] }).ended(null);
    await this.#overtake({ unit, digest: '' }, cluster).catch((thrown: unknown) => {
      this.#options.onFault(`the Changes of ${ref.kind} ${ref.namespace}/${ref.name} could not be superseded`, thrown);
    });
  }

  /** Every change but this one is of the past. */
  async #overtake(but: Pick<ChangeSpec, 'unit' | 'digest'>, cluster: Cluster): Promise<void> {
    if (this.#records.isOpen(but)) await this.#records.supersede(but, cluster);
  }

  #passageOf(record: Change, { cluster, secrets }: Pick<GateRequest, 'cluster' | 'secrets'>): Passage {
    return {
      ended: async (error) => {
        // Whoever goes on with it tells its end.
        if (error?.code === 'cancelled') return;
        const current = this.#records.find(record.spec.unit, record.metadata.name) ?? record;
        const end =
          error === null
            ? ({ phase: 'Applied', message: 'all of it is applied' } as const)
            : ({ phase: 'Failed', message: hideSecrets(error, secrets).message } as const);
        // That it cannot be written undoes nothing; the next run finds it as it was.
        try {
          await this.#records.move(current, end, cluster);
          if (error === null) await this.#records.leave(current, cluster);
        } catch (thrown) {
          this.#options.onFault(`the end of Change ${current.metadata.name} could not be written`, thrown);
        }
      },
    };
  }

  /** Changes that are held now, as far as their records say. */
  get held(): number {
    return this.#records.held;
  }

  #tell({ ref, cause }: GateRequest, change: string, verdict: GateVerdict): void {
    const { requirements } = verdict;
    const skipped = requirements
      .filter(({ verdict }) => verdict === 'Overridden')
      .map(({ rule, policy, message }) => ({ rule, policy, why: message }));
    const warnings = requirements.filter(({ verdict }) => verdict === 'Warned');
    const said: Said[] = [];
    if (skipped.length > 0)
      said.push(say(ownMessages.gateOverridden, { change, cause: causeTold(cause, verdict), skipped }));
    if (warnings.length > 0) said.push(say(ownMessages.policyWarning, { warnings }));
    const edited = requirements.filter(({ rule }) => rule === 'edited');
    if (edited.length > 0) said.push(say(ownMessages.gateEdited, { change, edited }));
    for (const one of said) this.#options.tell(ref, one);
  }

  /**
   * Lets pass what nobody can approve, since it changes nothing of what is declared: only lockdowns that stop all hold it.
   * @throws PlumbError `gated`
   */
  async passLockdowns(request: Subject & Pick<GateRequest, 'cause' | 'objects'>): Promise<void> {
    if (!(await this.#isKnown())) return;
    const namespaceLabels = await this.#labelsFor(this.#objects.lockdowns, request);
    const change = { ...standing(request), namespaceLabels, objects: request.objects };
    const time = this.#judge.now();
    const judged = judgeStandstill({ change, lockdowns: this.#objects.lockdowns, ...time });
    if (judged.requirements.length === 0) return;
    const wait = judged.opensAt === null ? LOOK_AGAIN : Math.max(0, judged.opensAt - time.now);
    throw held(toldOfHeld(judged), Math.min(wait, LOOK_AGAIN));
  }

  /**
   * Whether any policy is about a unit, whatever is done to it.
   * @throws PlumbError `gated` while nobody knows what policies say
   */
  async governs(request: Subject): Promise<boolean> {
    if (!(await this.#isKnown())) return false;
    const { policies } = this.#objects;
    const namespaceLabels = await this.#labelsFor(policies, request);
    const facts = { ...standing({ ...request, cause: 'routine' }), namespaceLabels };
    return governing(policies.map(whateverTouched), facts).length > 0;
  }

  /** Labels of the namespace of a unit, where one of these rules selects by them; null where none does, or nobody knows them. */
  async #labelsFor(
    rules: readonly { spec: { select?: Selection } }[],
    { ref }: Subject,
  ): Promise<ChangeFacts['namespaceLabels']> {
    const isAsked = rules.some(({ spec }) => spec.select?.namespaceSelector !== undefined);
    return isAsked ? this.#objects.labelsOf(ref.namespace) : null;
  }

  /**
   * Whether what is under way for a unit must stop now.
   * @param cause null where it is not known: then any lockdown is about it
   */
  isLocked(request: Subject, cause: Cause | null): boolean {
    const facts = standing({ ...request, cause: cause ?? 'routine' });
    const { now, clockTrouble } = this.#judge.now();
    // What a delivery touches is not known here: one that is stopped for nothing is judged again, and passes.
    const anything = this.#objects.lockdowns.map(whateverTouched).map(({ spec, ...lockdown }) => ({
      ...lockdown,
      spec: { ...spec, ...(cause === null && { causes: [facts.cause] }) },
    }));
    return locking(anything, facts, clockTrouble === null ? now : null, true).length > 0;
  }

  async done(): Promise<void> {
    await Promise.all([this.#objects.done(), this.#judge.done()]);
    await this.#policyStatus.done();
  }

  /** @returns null where the change has to pass all the same */
  async #hold(request: GateRequest, facts: ChangeFacts, { verdict, record, again }: Judged): Promise<null> {
    const { cluster, revision } = request;
    const authors = await this.#judge.authorsOf(request, facts);
    const spec: ChangeSpec = {
      unit: unitOf(request),
      cluster: request.clusterName,
      cause: causeTold(request.cause, verdict),
      revision,
      digest: facts.digest,
      bundleDigest: request.bundleDigest,
      authors: 'unknown' in authors ? [] : authors.authors.slice(0, MOST_AUTHORS),
    };
    try {
      const change = await this.#records.hold(spec, facts, verdict, cluster);
      if (request.isDeclared) await this.#records.supersede(spec, cluster);
      const { now } = this.#judge.now();
      await recordPlan({ ...this.#options, records: this.#records, now }, request, { facts, record }, change);
    } catch (thrown) {
      if (!isEnding(thrown) || request.cause !== 'prune') throw thrown;
      // Nobody can approve anything in a namespace that is being deleted, and it would never be gone.
      const why = `${toldOfHeld(verdict)}; but its namespace is being deleted, and nobody can approve anything in it`;
      if (!isGoingAnyway(request, verdict))
        throw held(`${why}: suspend it to let it go and leave its objects behind`, LOOK_AGAIN);
      const said: Said[] = [];
      said.push(say(ownMessages.gateLost, { why }));
      for (const one of said) this.#options.tell(request.ref, one);
      return null;
    }
    const wait = verdict.opensAt === null ? LOOK_AGAIN : Math.max(0, verdict.opensAt - this.#judge.now().now);
    throw held(toldOfHeld(verdict), Math.min(wait, again ?? LOOK_AGAIN, LOOK_AGAIN));
  }
}

/** What a policy or lockdown selects, where nobody knows what is touched. */
function whateverTouched<Rule extends { spec: { select?: Selection } }>(rule: Rule): Rule {
  const { touches: _touches, ...select } = rule.spec.select ?? {};
  return { ...rule, spec: { ...rule.spec, select } };
}

/** Work on a unit of which no more is known. */
function standing(request: Subject & Pick<GateRequest, 'cause'>): ChangeFacts {
  return {
    ...subjectOf(request),
    source: { ...request.source, revision: '' },
    namespaceLabels: null,
    digest: '',
    authors: NOT_ASKED,
    objects: [],
    owned: 0,
  };
}

/** What people read of why a change is made. */
function causeTold(cause: Cause, { isEmergency }: GateVerdict): Cause {
  return isEmergency ? 'emergency' : cause;
}
