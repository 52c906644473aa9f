import {
  keyId,
  ownMessages,
  PlumbError,
  say,
  type Change,
  type ChangeSpec,
  type KubeObject,
  type PolicySpec,
  type Said,
  type UnitRef,
} from '@plumb/api';
import {
  governing,
  guardedKeys,
  isKept,
  isOver,
  judgeChange,
  locking,
  toldOfHeld,
  type Authorship,
  type Cause,
  type ChangeFacts,
  type Endorsements,
  type Findings,
  type GateVerdict,
  type LockdownFacts,
  type ObjectFate,
  type PolicyFacts,
} from '@plumb/core';
import type { Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import type { ReadImage } from '@plumb/sources';
import { hideSecrets } from '../delivery/hide-secrets.ts';
import { askReviews } from './ask-reviews.ts';
import { askAuthors, readsAuthors } from './authors.ts';
import { changeDigest, changeName, ChangeRecords, isNews } from './change-records.ts';
import { findingKey, type Content } from './content.ts';
import { isEnding, isGoingAnyway } from './ending-namespace.ts';
import { ExternalAnswers } from './external/external.ts';
import { contentFindings, findingsIn } from './findings.ts';
import { GateObjects, type GateObjectsOptions } from './gate-objects.ts';
import { Identities } from './identities.ts';
import { ImageFindings } from './image-findings.ts';
import { refuseApprovals } from './made-by-people.ts';
import type { PlanTrial } from './plan-change.ts';
import { PolicyStatus } from './policy-status.ts';
import { recordPlan } from './record-plan.ts';
import { Reviews, REVIEWS_AGAIN, type SourceCommits } from './reviews.ts';

/** A change that is to pass. */
export interface GateRequest {
  ref: UnitRef & { kind: 'Kustomization' | 'HelmRelease' };
  uid: string;
  labels: Readonly<Record<string, string>>;
  cause: Cause;
  /** It is what is declared now: neither what was delivered before and is put right, nor what is brought back. */
  isDeclared: boolean;
  revision: string;
  /** The revision that was applied last; null when none was. */
  since: string | null;
  /** It is made of what stands outside its source too. */
  hasRemoteBases: boolean;
  source: { kind: string; namespace: string; name: string };
  /** `own`, or the name of the Secret or ConfigMap that leads to the cluster. */
  clusterName: string;
  /** Names the cluster (`Destination.place`). */
  place: string;
  bundleDigest: string;
  objects: readonly ObjectFate[];
  /** How many objects the unit has now. */
  owned: number;
  /** keyIds of what leaves the unit. */
  leaving: readonly string[];
  contents: () => Promise<readonly Content[]>;
  /** How the objects are read as they are now, and what would become of them is tried. */
  trial: PlanTrial;
  /** Told, where the change passes, of what it may not delete to make it anew: keyIds. */
  onGuarded: (ids: ReadonlySet<string>) => void;
  /** Texts that must not be told. */
  secrets: readonly string[];
  /** Where the Flux objects are, under the leave to work on the unit. */
  cluster: Cluster;
  signal: AbortSignal;
}

/** A change that passed. It is to be told how it ended. */
export interface Passage {
  /** Never throws. @param error null when all of it was carried out */
  ended(error: PlumbError | null): Promise<void>;
}

export interface GatekeeperOptions extends Omit<GateObjectsOptions, 'onChange' | 'onPolicy'> {
  engine: Pick<Engine, 'celEval' | 'celCheck'>;
  /** Asks registries. */
  images: ReadImage;
  /** Whose work a revision of a source is, as far as it was not in another one. */
  authors: (source: GateRequest['source'], range: { revision: string; since: string | null }) => Promise<Authorship>;
  /** The commits that a revision of a source is made of, as far as they were not in another one. */
  commits: (source: GateRequest['source'], range: { revision: string; since: string | null }) => Promise<SourceCommits>;
  onChange: (unit: UnitRef | null) => void;
  /** Told of what people have to hear of a change that passed. */
  tell: (unit: UnitRef, said: Said) => void;
  onFault: (what: string, error: unknown) => void;
}

interface Judged {
  verdict: GateVerdict;
  /** In how many milliseconds other systems are to be asked anew; null: never. */
  again: number | null;
}

/** The agent's own clock and the API server's may be this far apart. Milliseconds. */
const MOST_SKEW = 60_000;
/** Authors that the record of a change names. */
const MOST_AUTHORS = 100;
const NOT_ASKED: Authorship = { unknown: 'nobody asked' };
/** What cannot be read is asked for again after this long. Milliseconds. */
const ASK_AGAIN = 5_000;
/** A change is looked at again after this long, whatever wakes it. */
const LOOK_AGAIN = 5 * 60_000;

/** Lets changes pass, or holds them: what the policies, lockdowns and approvals in the cluster say of exactly this change, now. */
export class Gatekeeper {
  readonly #objects: GateObjects;
  readonly #records: ChangeRecords;
  readonly #identities: Identities;
  readonly #external: ExternalAnswers;
  readonly #reviews: Reviews;
  readonly #images: ImageFindings;
  readonly #policyStatus: PolicyStatus;
  readonly #options: GatekeeperOptions;

  constructor(options: GatekeeperOptions) {
    this.#options = options;
    const { cluster, engine, clock, onFault } = options;
    this.#policyStatus = new PolicyStatus({ cluster, engine, time: () => clock.time(), onFault });
    const onPolicy: GateObjectsOptions['onPolicy'] = (object, facts) => this.#policyStatus.note(object, facts);
    this.#objects = new GateObjects({ ...options, onPolicy });
    this.#identities = new Identities(options);
    this.#external = new ExternalAnswers({ ...options, signal: options.scope.signal });
    this.#reviews = new Reviews(options);
    const { images: read, onChange, scope } = options;
    this.#images = new ImageFindings({ read, clock, signal: scope.signal, onChange });
    const { changes } = this.#objects;
    this.#records = new ChangeRecords(changes, () => options.clock.time());
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
    const { rules } = this.#objects;
    const facts = await this.#factsOf(request);
    const policies = governing(this.#objects.policies, facts);
    const name = changeName(unit, facts.digest);
    const record = this.#records.find(unit, name);
    const { verdict, again } = await this.#judge(request, { facts, policies, name });
    // What it was judged by may be out of sight by now, or another: what was found by a policy says nothing of what it became meanwhile.
    await this.#isKnown();
    if (!this.#objects.areStill(rules)) return this.pass(request);
    if (verdict.state !== 'open') return this.#hold(request, facts, { verdict, again });
    request.onGuarded(new Set(guardedKeys(this.#objects.policies, facts, verdict.isEmergency).map(keyId)));
    return this.#open(request, { digest: facts.digest, name, record, verdict });
  }

  /**
   * Whether there are gates at all.
   * @throws PlumbError `gated` while nobody knows what they say
   */
  async #isKnown(): Promise<boolean> {
    const known = await this.#objects.known();
    if (typeof known === 'object') throw held(`waits for word of what the policies say: ${known.trouble}`, ASK_AGAIN);
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
    // How a change came about that is over stays as it is written, whatever is put right of it later.
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
    const { bundleDigest, isDeclared, cluster } = request;
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

  /** Whether changes of a unit must stop now, also those under way. */
  isLocked(request: Pick<GateRequest, 'ref' | 'labels' | 'source' | 'clusterName' | 'cause'>): boolean {
    const facts: ChangeFacts = {
      ...subjectOf(request),
      source: { ...request.source, revision: '' },
      namespaceLabels: null,
      digest: '',
      authors: NOT_ASKED,
      objects: [],
      owned: 0,
    };
    const { now, clockTrouble } = this.#now();
    // What a delivery touches, and why it is made, is not known here: one that is stopped for nothing is judged again, and passes.
    const anything = this.#objects.lockdowns.map((lockdown) => {
      const { touches: _touches, ...select } = lockdown.spec.select ?? {};
      return { ...lockdown, spec: { ...lockdown.spec, select, causes: [request.cause] } };
    });
    return locking(anything, facts, clockTrouble === null ? now : null, true).length > 0;
  }

  async done(): Promise<void> {
    this.#reviews.done();
    await Promise.all([this.#objects.done(), this.#identities.done(), this.#external.done()]);
    await this.#policyStatus.done();
  }

  async #factsOf(request: GateRequest): Promise<ChangeFacts> {
    const { cause, revision, source, objects, owned, place, bundleDigest, leaving } = request;
    const unit = unitOf(request);
    const facts: ChangeFacts = {
      ...subjectOf(request),
      namespaceLabels: null,
      source: { ...source, revision },
      cause,
      digest: changeDigest({ unit, place, bundleDigest, leaving }),
      authors: NOT_ASKED,
      objects,
      owned,
    };
    const asksLabels = [
      ...this.#objects.policies.map(({ spec }) => spec),
      ...this.#objects.lockdowns.map(({ spec }) => spec),
    ].some((spec) => spec.select?.namespaceSelector !== undefined || hasExpressions(spec));
    const labelled = asksLabels ? { ...facts, namespaceLabels: await this.#objects.labelsOf(unit.namespace) } : facts;
    const asking = [...governing(this.#objects.policies, labelled), ...this.#locking(labelled)];
    return asking.some(({ spec }) => readsAuthors(spec))
      ? { ...labelled, authors: await this.#authors(request) }
      : labelled;
  }

  #locking(facts: ChangeFacts): LockdownFacts[] {
    const { now, clockTrouble } = this.#now();
    return locking(this.#objects.lockdowns, facts, clockTrouble === null ? now : null, true);
  }

  #authors({ ref, source, revision, since, hasRemoteBases }: GateRequest): Promise<Authorship> {
    const { authors, clock, onChange } = this.#options;
    const ask = (): Promise<Authorship> => authors(source, { revision, since });
    return askAuthors({ ask, hasRemoteBases, clock, onLate: () => onChange(ref) });
  }

  /** What other systems and registries say. `again`: when to ask again at the latest, in milliseconds; null when nothing is waited for. */
  async #askOthers(
    request: GateRequest,
    { facts, policies, name }: { facts: ChangeFacts; policies: readonly PolicyFacts[]; name: string },
  ): Promise<{ told: [string, Findings][]; again: number | null }> {
    const sound = policies.filter(({ flaw }) => flaw === null);
    const { ref, signal } = request;
    const said = this.#objects.approvalsOf(ref.namespace, name).approvals;
    const isEmergency = said.some(({ override }) => override !== null);
    const external = await this.#external.read(sound, facts, { unit: ref, isEmergency, signal });
    const occasion = { cause: facts.cause, isEmergency };
    const images = await this.#images.of({ ...request, policies: sound, occasion, at: this.#now() });
    const agains = [external.again, images.again].filter((again) => again !== null);
    const again = agains.length === 0 ? null : Math.min(...agains);
    return { told: [...external.found, ...images.found], again };
  }

  async #judge(
    request: GateRequest,
    { facts, policies, name }: { facts: ChangeFacts; policies: readonly PolicyFacts[]; name: string },
  ): Promise<Judged> {
    const { engine } = this.#options;
    const { lockdowns } = this.#objects;
    const { trial, signal } = request;
    const live = ({ key }: Content): Promise<KubeObject | null> => trial.cluster.get(key, { signal });
    const found = await contentFindings({ ...request, live, policies, lockdowns, change: facts, engine });
    const { told, again } = await this.#askOthers(request, { facts, policies, name });
    for (const [key, value] of told) found.set(key, value);
    const places = [
      ...policies.map(({ spec, namespace }) => placeOf(spec.identitiesRef, namespace)),
      ...this.#locking(facts).map(({ spec }) => placeOf(spec.identitiesRef, '')),
    ].filter((place) => place !== null);
    const identities = await this.#identities.read(places, request);
    const endorsements = await this.#endorsements(request, policies, { facts, findings: found });
    request.signal.throwIfAborted();
    const record = this.#records.find(unitOf(request), name);
    // What people say may have come meanwhile.
    const { approvals, distrust } = this.#objects.approvalsOf(request.ref.namespace, name);
    const judged = judgeChange({
      change: facts,
      policies: this.#objects.policies,
      lockdowns: this.#objects.lockdowns,
      approvals,
      distrust,
      identities: ({ namespace, name: named }) => identities.get(`${namespace}/${named}`) ?? null,
      findings: findingsIn(found),
      endorsements: (policy, rule) => endorsements.get(findingKey(policy, rule)),
      earlier: record?.status?.requirements ?? [],
      ...this.#now(),
    });
    // They go into the Change, events and conditions: whatever a message of a rule tells of the objects.
    const hide = (text: string): string => hideSecrets(held(text, 0), request.secrets).message;
    const requirements = judged.requirements.map((one) => ({ ...one, message: hide(one.message) }));
    const verdict = { ...judged, requirements };
    const asks = verdict.requirements.some(({ policy, rule }) => endorsements.has(findingKey(policy, rule)));
    return { verdict, again: asks ? Math.min(again ?? REVIEWS_AGAIN, REVIEWS_AGAIN) : again };
  }

  #endorsements(
    request: GateRequest,
    policies: readonly PolicyFacts[],
    { facts, findings }: { facts: ChangeFacts; findings: ReadonlyMap<string, Findings> },
  ): Promise<Map<string, Endorsements>> {
    const { commits, onChange } = this.#options;
    const { source, revision, since, hasRemoteBases, ref } = request;
    const range = { revision, since };
    const ask = async (): Promise<SourceCommits> =>
      hasRemoteBases ? { unknown: 'it is made of remote bases too' } : commits(source, range);
    const lockdowns = this.#locking(facts);
    const about = { policies, lockdowns, cause: facts.cause, findings };
    return askReviews({ ...about, source, range, commits: ask, onLate: () => onChange(ref) }, this.#reviews);
  }

  /** @returns null where the change has to pass all the same */
  async #hold(request: GateRequest, facts: ChangeFacts, { verdict, again }: Judged): Promise<null> {
    const { cluster, revision } = request;
    const spec: ChangeSpec = {
      unit: unitOf(request),
      cluster: request.clusterName,
      cause: causeTold(request.cause, verdict),
      revision,
      digest: facts.digest,
      bundleDigest: request.bundleDigest,
      authors: 'unknown' in facts.authors ? [] : facts.authors.authors.slice(0, MOST_AUTHORS),
    };
    try {
      const change = await this.#records.hold(spec, facts, verdict, cluster);
      if (request.isDeclared) await this.#records.supersede(spec, cluster);
      const { now } = this.#now();
      await recordPlan({ ...this.#options, records: this.#records, now }, request, facts, change);
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
    const wait = verdict.opensAt === null ? LOOK_AGAIN : Math.max(0, verdict.opensAt - this.#now().now);
    throw held(toldOfHeld(verdict), Math.min(wait, again ?? LOOK_AGAIN, LOOK_AGAIN));
  }

  /** The time by the API server's clock, which must not be far from our own: one of them was set otherwise. */
  #now(): { now: number; clockTrouble: string | null } {
    const { cluster, clock } = this.#options;
    const own = clock.time();
    const { time } = cluster.connection;
    if (time === null) return { now: own, clockTrouble: 'the API server has not told its time' };
    const apart = Math.abs(own - time);
    if (apart <= MOST_SKEW) return { now: time, clockTrouble: null };
    const seconds = Math.round(apart / 1_000);
    return { now: time, clockTrouble: `those of the agent and of the API server are ${seconds} s apart` };
  }
}

/** What people read of why a change is made. */
function causeTold(cause: Cause, { isEmergency }: GateVerdict): Cause {
  return isEmergency ? 'emergency' : cause;
}

function subjectOf({
  ref,
  labels,
  clusterName,
  cause,
}: Pick<GateRequest, 'ref' | 'labels' | 'clusterName' | 'cause'>): Pick<ChangeFacts, 'unit' | 'cluster' | 'cause'> {
  return { unit: { ...ref, labels }, cluster: clusterName, cause };
}

function unitOf({ ref, uid }: Pick<GateRequest, 'ref' | 'uid'>): ChangeSpec['unit'] {
  return { kind: ref.kind, namespace: ref.namespace, name: ref.name, uid };
}

function placeOf(
  reference: { namespace?: string; name: string } | undefined,
  namespace: string,
): { namespace: string; name: string } | null {
  if (reference === undefined) return null;
  return { name: reference.name, namespace: namespace === '' ? (reference.namespace ?? '') : namespace };
}

function hasExpressions({ checks = [], approvals, external = [] }: PolicySpec): boolean {
  return checks.length + external.length > 0 || approvals?.some(({ when }) => when !== undefined) === true;
}

function held(why: string, after: number): PlumbError {
  const { text } = say(ownMessages.gated, { why });
  return new PlumbError('gated', text, { fault: 'user', policy: 'retry', retryAfter: after });
}
