import { keyId, type KubeObject, type PolicySpec } from '@plumb/api';
import {
  governing,
  judgeRecorded,
  locking,
  protectedKeys,
  referredNamespace,
  type Authorship,
  type ChangeFacts,
  type Elsewhere,
  type Findings,
  type GateRecord,
  type GateVerdict,
  type LockdownFacts,
  type ObjectFate,
  type PolicyFacts,
} from '@plumb/core';
import type { Engine } from '@plumb/engine';
import type { ReadImage, RevisionRange, SignedQuestion, SignedWords } from '@plumb/sources';
import { hidingSecrets } from '../delivery/hide-secrets.ts';
import { askElsewhere } from './ask-elsewhere.ts';
import { askAuthors, authorsTogether, readsAuthors } from './authors.ts';
import { changeDigest, changeName, isNews, type ChangeRecords } from './change-records.ts';
import { findingKey, type Content } from './content.ts';
import { ExternalAnswers } from './external/external.ts';
import { contentFindings, findingsIn } from './findings.ts';
import type { GateObjects, GateObjectsOptions } from './gate-objects.ts';
import { subjectOf, unitOf, type GateRequest } from './gate-request.ts';
import { Identities } from './identities.ts';
import { ImageFindings } from './image-findings.ts';
import { Reviews, REVIEWS_AGAIN, type SourceCommits } from './reviews.ts';
import { Signatures, type SignaturesOf } from './signatures.ts';

export interface JudgeOptions extends Omit<GateObjectsOptions, 'onPolicy'> {
  engine: Pick<Engine, 'celEval' | 'celCheck'>;
  /** Asks registries. */
  images: ReadImage;
  /** Whose work a revision of a source is, as far as it was not in another one. */
  authors: (source: GateRequest['source'], range: RevisionRange) => Promise<Authorship>;
  /** The commits that a revision of a source is made of, as far as they were not in another one. */
  commits: (source: GateRequest['source'], range: RevisionRange) => Promise<SourceCommits>;
  /** What is signed of a revision of a source. */
  signed: (source: GateRequest['source'], question: SignedQuestion) => Promise<SignedWords>;
}

/** Where what people declared, and what was found before, is kept. */
interface Kept {
  objects: GateObjects;
  records: ChangeRecords;
}

export interface Judged {
  verdict: GateVerdict;
  /** What it was made from. */
  record: GateRecord;
  /** In how many milliseconds other systems are to be asked anew; null: never. */
  again: number | null;
}

/** The agent's own clock and the API server's may be this far apart. Milliseconds. */
const MOST_SKEW = 60_000;
export const NOT_ASKED: Authorship = { unknown: 'nobody asked' };

/** What a change is judged by, and when: beside what people declared, whatever has to be asked of the cluster, of sources, registries and other systems. */
export class Judge {
  readonly #objects: GateObjects;
  readonly #records: ChangeRecords;
  readonly #identities: Identities;
  readonly #external: ExternalAnswers;
  readonly #reviews: Reviews;
  readonly #signatures: Signatures;
  readonly #images: ImageFindings;
  readonly #options: JudgeOptions;

  constructor(options: JudgeOptions, { objects, records }: Kept) {
    const { images: read, clock, onChange, scope } = options;
    this.#options = options;
    this.#objects = objects;
    this.#records = records;
    this.#identities = new Identities(options);
    this.#external = new ExternalAnswers({ ...options, signal: scope.signal });
    this.#reviews = new Reviews(options);
    this.#signatures = new Signatures(options);
    this.#images = new ImageFindings({ read, clock, signal: scope.signal, onChange });
  }

  async factsOf(request: GateRequest): Promise<ChangeFacts> {
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
    return this.#withAuthors(withRemade(labelled, request, governing(this.#objects.policies, labelled)), request);
  }

  async #withAuthors(facts: ChangeFacts, request: GateRequest): Promise<ChangeFacts> {
    const asking = [...governing(this.#objects.policies, facts), ...this.#locking(facts)];
    return asking.some(({ spec }) => readsAuthors(spec)) ? { ...facts, authors: await this.#authors(request) } : facts;
  }

  /** Whose work a change is, for people to know it, though no rule asked. */
  async authorsOf(request: GateRequest, { authors, cause }: ChangeFacts): Promise<Authorship> {
    return authors === NOT_ASKED && isNews(cause) ? this.#authors(request) : authors;
  }

  /** What was said of what was delivered counts for it when it is put right, too. */
  #approvalsOf(request: GateRequest, { facts, name }: { facts: ChangeFacts; name: string }) {
    return this.#objects.approvalsOf(request.ref.namespace, [name, changeName(unitOf(request), facts.digest)]);
  }

  #locking(facts: ChangeFacts): LockdownFacts[] {
    const { now, clockTrouble } = this.now();
    return locking(this.#objects.lockdowns, facts, clockTrouble === null ? now : null, true);
  }

  #authors(request: GateRequest): Promise<Authorship> {
    const { ref, source, revision, since, paths, hasRemoteBases } = request;
    const { authors, clock, onChange } = this.#options;
    const ask = async (): Promise<Authorship> => {
      const beside = await request.beside();
      const isOwn = beside === null || 'unknown' in beside || beside.isAll !== true;
      const own = isOwn ? [{ source, range: { revision, since, paths } }] : [];
      const ranges = beside === null || 'unknown' in beside ? own : [...own, ...beside.ranges];
      const told = await Promise.all(
        ranges.map(async (one) => ({ source: one.source, told: await authors(one.source, one.range) })),
      );
      const all = authorsTogether(told);
      if (beside === null || 'ranges' in beside) return all;
      if ('unknown' in all) return beside;
      const { authors: _known, ...said } = all;
      return { ...said, ...beside };
    };
    return askAuthors({ ask, hasRemoteBases, clock, onLate: () => onChange(ref) });
  }

  /** What other systems and registries say. `again`: when to ask again at the latest, in milliseconds; null when nothing is waited for. */
  async #askOthers(
    request: GateRequest,
    { facts, policies, name }: { facts: ChangeFacts; policies: readonly PolicyFacts[]; name: string },
  ): Promise<{ told: [string, Findings][]; again: number | null }> {
    const sound = policies.filter(({ flaw }) => flaw === null);
    const { ref, signal } = request;
    const said = this.#approvalsOf(request, { facts, name }).approvals;
    const isEmergency = said.some(({ override }) => override !== null);
    const external = await this.#external.read(sound, facts, { unit: ref, isEmergency, signal });
    const occasion = { cause: facts.cause, isEmergency };
    const images = await this.#images.of({ ...request, policies: sound, occasion, at: this.now() });
    const agains = [external.again, images.again].filter((again) => again !== null);
    const again = agains.length === 0 ? null : Math.min(...agains);
    return { told: [...external.found, ...images.found], again };
  }

  /** The verdict on a change, and when to ask again. */
  async judge(
    request: GateRequest,
    { facts, policies, name }: { facts: ChangeFacts; policies: readonly PolicyFacts[]; name: string },
  ): Promise<Judged> {
    const { engine } = this.#options;
    const { lockdowns } = this.#objects;
    const { trial, signal } = request;
    const live = ({ key }: Content): Promise<KubeObject | null> => trial.cluster.get(key, { signal });
    const hidesOld = trial.hidesValues || request.secrets.length > 0;
    const asked = { ...request, live, hidesOld, policies, lockdowns };
    const found = await contentFindings({ ...asked, change: facts, engine });
    const { told, again } = await this.#askOthers(request, { facts, policies, name });
    for (const [key, value] of told) found.set(key, value);
    const places = [
      ...policies.map(({ spec, namespace }) => placeOf(spec.identitiesRef, namespace)),
      ...this.#locking(facts).map(({ spec }) => placeOf(spec.identitiesRef, '')),
    ].filter((place) => place !== null);
    const identities = await this.#identities.read(places, request);
    const endorsements = await this.#endorsements(request, policies, { facts, findings: found });
    request.signal.throwIfAborted();
    const before = this.#records.find(unitOf(request), name);
    // What people say may have come meanwhile.
    const { approvals, distrust } = this.#approvalsOf(request, { facts, name });
    const { verdict: judged, record } = judgeRecorded({
      change: facts,
      policies: this.#objects.policies,
      lockdowns: this.#objects.lockdowns,
      approvals,
      distrust,
      identities: ({ namespace, name: named }) => identities.get(`${namespace}/${named}`) ?? null,
      findings: findingsIn(found),
      endorsements: (policy, rule) => endorsements.get(findingKey(policy, rule)),
      earlier: before?.status?.requirements ?? [],
      ...this.now(),
    });
    // They go into the Change, events and conditions: whatever a message of a rule tells of the objects.
    const hide = hidingSecrets(request.secrets);
    const requirements = judged.requirements.map((one) => ({ ...one, message: hide(one.message) }));
    const verdict = { ...judged, requirements };
    const asks = verdict.requirements.some(({ policy, rule }) => endorsements.has(findingKey(policy, rule)));
    return { verdict, record, again: asks ? Math.min(again ?? REVIEWS_AGAIN, REVIEWS_AGAIN) : again };
  }

  #endorsements(
    request: GateRequest,
    policies: readonly PolicyFacts[],
    { facts, findings }: { facts: ChangeFacts; findings: ReadonlyMap<string, Findings> },
  ): Promise<Map<string, Elsewhere>> {
    const { commits, signed, onChange } = this.#options;
    const { source, revision, since, paths, hasRemoteBases, ref, asked } = request;
    const range = { revision, since, paths };
    const ask = (): Promise<SourceCommits> => commits(source, range);
    const lockdowns = this.#locking(facts);
    const about = { policies, lockdowns, cause: facts.cause, findings };
    const found: SignaturesOf = (question) => signed(source, { ...question, revision });
    const whom = { reviews: this.#reviews, signatures: this.#signatures };
    const onLate = (): void => onChange(ref);
    const made = { source, range, hasRemoteBases, beside: request.beside, asked, commits: ask, signed: found };
    return askElsewhere({ ...about, ...made, onLate }, whom);
  }

  /** The time by the API server's clock, which must not be far from our own: one of them was set otherwise. */
  now(): { now: number; clockTrouble: string | null } {
    const { cluster, clock } = this.#options;
    const own = clock.time();
    const { time } = cluster.connection;
    if (time === null) return { now: own, clockTrouble: 'the API server has not told its time' };
    const apart = Math.abs(own - time);
    if (apart <= MOST_SKEW) return { now: time, clockTrouble: null };
    const seconds = Math.round(apart / 1_000);
    return { now: time, clockTrouble: `those of the agent and of the API server are ${seconds} s apart` };
  }

  async done(): Promise<void> {
    this.#reviews.done();
    this.#signatures.done();
    await Promise.all([this.#identities.done(), this.#external.done()]);
  }
}

/** What never goes without an approval does not go to come back either, however often it did. */
function withRemade(facts: ChangeFacts, request: GateRequest, policies: readonly PolicyFacts[]): ChangeFacts {
  const deleted = protectedKeys(policies, facts, request.remade);
  if (deleted.length === 0) return facts;
  const { place, bundleDigest } = request;
  const leaving = [...request.leaving, ...deleted.map((key) => `replaces ${keyId(key)}`)];
  const objects = [...facts.objects, ...deleted.map((key): ObjectFate => ({ key, action: 'delete' }))];
  return { ...facts, objects, digest: changeDigest({ unit: unitOf(request), place, bundleDigest, leaving }) };
}

function placeOf(
  reference: { namespace?: string; name: string } | undefined,
  namespace: string,
): { namespace: string; name: string } | null {
  if (reference === undefined) return null;
  return { name: reference.name, namespace: referredNamespace(reference, namespace) };
}

function hasExpressions({ checks = [], approvals, external = [] }: PolicySpec): boolean {
  return checks.length + external.length > 0 || approvals?.some(({ when }) => when !== undefined) === true;
}
