import { asPlumbError, keyId, type ChangePlan, type KubeObject, type ObjectKey, type PlannedObject } from '@plumb/api';
import { compareForApply, compareForPrune, type ChangeFacts, type ObjectFate } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import { reader } from '../delivery/read-live.ts';
import { MASK } from '../trial/compared.ts';
import { Coming } from '../trial/coming.ts';
import { isSecret, Secrets } from '../trial/secrets.ts';
import { tryDeletions, tryObjects, type ObjectDiff, type Trial } from '../trial/trial.ts';
import type { Content } from './content.ts';
import { shownSides } from './plan-sides.ts';

/** How the objects of a change are read, and tried by dry runs. */
export interface PlanTrial extends Pick<Trial, 'cluster' | 'force' | 'setsIgnored' | 'owns'> {
  /** A value of any object may come from a Secret, or did. */
  hidesValues: boolean;
}

export interface PlanRequest {
  change: ChangeFacts;
  contents: readonly Content[];
  trial: PlanTrial;
  /** Texts that must not be told. */
  secrets: readonly string[];
  signal: AbortSignal;
}

/** Objects that are looked at: what a change costs before anybody wants it is bounded. */
const MOST_TRIED = 500;
const MOST_LISTED = 10_000;
/** Looked at together. */
const PIECE = 16;
/** Looking takes this long at most. Milliseconds. */
const WITHIN = 30_000;

/** An object, and what is declared of it. */
interface Step {
  fate: ObjectFate;
  content: Content | null;
  /** It is deleted to be made anew. */
  replaced: boolean;
}

/**
 * The whole plan of a change: each object as it is declared and as it is, and what would change of it, found by dry runs. Writes nothing. What cannot be
 * looked at says why.
 * @throws PlumbError `cancelled` when the signal aborts
 */
export async function planChange(request: PlanRequest): Promise<ChangePlan> {
  const { objects, ...change } = request.change;
  const steps = stepsOf(objects, request.contents);
  const found = await new Look(request, steps).at(steps.slice(0, MOST_TRIED));
  const listed = steps.slice(0, MOST_LISTED);
  const unlooked = `only the first ${MOST_TRIED} objects are looked at`;
  return {
    apiVersion: 'plumb.dev/v1',
    kind: 'ChangePlan',
    change: structuredClone(change) as ChangePlan['change'],
    objects: listed.map((step) => found.get(step) ?? unread(step, unlooked)),
    unlisted: steps.length - listed.length,
  };
}

/** What goes comes first, as it is deleted; then what is applied, in its order. */
function stepsOf(objects: readonly ObjectFate[], contents: readonly Content[]): Step[] {
  const declared = Map.groupBy(contents, ({ key }) => keyId(key));
  const applied = objects
    .filter(({ action }) => action !== 'delete')
    .toSorted((a, b) => compareForApply(a.key, b.key))
    .map((fate): Step => ({ fate, content: declared.get(keyId(fate.key))?.shift() ?? null, replaced: false }));
  const kept = new Set(applied.map(({ fate }) => keyId(fate.key)));
  const deleted = objects
    .filter(({ action }) => action === 'delete')
    .toSorted((a, b) => compareForPrune(a.key, b.key))
    .map((fate): Step => ({ fate, content: null, replaced: kept.has(keyId(fate.key)) }));
  return [...deleted, ...applied];
}

/** What a piece of looking found of one object. */
interface Seen {
  live: KubeObject | null;
  after: KubeObject | null;
}

class Look {
  readonly #request: PlanRequest;
  readonly #secrets = new Secrets();
  readonly #seen = new Map<string, Seen>();
  readonly #trial: Trial;

  constructor(request: PlanRequest, steps: readonly Step[]) {
    this.#request = request;
    const { contents, secrets, trial, change } = request;
    for (const { body } of contents) this.#secrets.add(body);
    this.#secrets.addTexts(secrets);
    if (secrets.length > 0) {
      const others = contents.map(({ body }) => ({ body: this.#secrets.value(body, MASK) as KubeObject }));
      this.#secrets.compare(contents, others);
    }
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(WITHIN)]);
    const cluster = trial.cluster.withPriority('background');
    this.#trial = {
      ...trial,
      cluster,
      ref: change.unit,
      secrets: this.#secrets,
      coming: new Coming(contents),
      read: this.#reader(steps, { cluster, signal }),
      onTried: (key, after) => this.#note(key, { after }),
      signal,
    };
  }

  async at(steps: readonly Step[]): Promise<Map<Step, PlannedObject>> {
    const found = new Map<Step, PlannedObject>();
    // What a Secret holds is masked everywhere else.
    const order = [...steps.filter(isOfSecret), ...steps.filter((step) => !isOfSecret(step))];
    for (let at = 0; at < order.length; at += PIECE) {
      const piece = order.slice(at, at + PIECE);
      try {
        const entries = await Promise.all(piece.map(async (step) => [step, await this.#entry(step)] as const));
        for (const [step, entry] of entries) found.set(step, entry());
      } catch (thrown) {
        const why = this.#trouble(thrown);
        for (const step of order.slice(at)) found.set(step, unread(step, why));
        break;
      }
      this.#seen.clear();
    }
    return found;
  }

  #trouble(thrown: unknown): string {
    const { signal } = this.#request;
    if (signal.aborted) throw thrown;
    if (this.#trial.signal.aborted) return `looking took longer than ${WITHIN / 1_000} s`;
    return this.#secrets.message(asPlumbError(thrown).message);
  }

  /** @returns what makes the entry, once all of its piece are looked at: what a Secret among them holds is known then */
  async #entry(step: Step): Promise<() => PlannedObject> {
    const { fate, content, replaced } = step;
    const { key, action } = fate;
    if (replaced) return () => bare(step, 'recreated', 'it is deleted and made anew');
    if (action === 'delete') {
      const [diff] = await tryDeletions([key], this.#trial);
      return () => this.#shown(step, diff);
    }
    if (content === null) return () => unread(step, 'what is declared of it is not known');
    // A hook is made anew whenever it runs.
    if (content.role?.startsWith('hook') === true)
      return () => ({ ...bare(step, 'created', ''), ...this.#sides(step, null) });
    const [diff] = await tryObjects([{ ...content, ignored: content.ignored ?? [] }], this.#trial);
    return () => this.#shown(step, diff);
  }

  #shown(step: Step, diff: ObjectDiff | undefined): PlannedObject {
    return { ...bare(step, diff?.change ?? 'unchanged', diff?.message ?? ''), ...this.#sides(step, diff ?? null) };
  }

  #sides(
    { fate: { key }, content }: Step,
    diff: ObjectDiff | null,
  ): Pick<PlannedObject, 'object' | 'oldObject' | 'fields'> {
    const { live = null, after = null } = this.#seen.get(keyId(key)) ?? {};
    const sides = { key, declared: content?.body ?? null, live, after, fields: diff?.fields ?? [] };
    const { trial, secrets } = this.#request;
    const hidesTexts = trial.hidesValues || secrets.length > 0;
    const { object, oldObject, fields } = shownSides(this.#secrets, sides, hidesTexts);
    return { object, oldObject, fields: fields.map(written) };
  }

  #note(key: ObjectKey, seen: Partial<Seen>): void {
    const id = keyId(key);
    this.#seen.set(id, { live: null, after: null, ...this.#seen.get(id), ...seen });
  }

  /** Many objects of the unit are read by one list; what that does not show is read by itself. */
  #reader(
    steps: readonly Step[],
    { cluster, signal }: { cluster: Cluster; signal: AbortSignal },
  ): (key: ObjectKey) => Promise<KubeObject | null> {
    const there = steps
      .slice(0, MOST_TRIED)
      .filter(({ fate, replaced }) => fate.action !== 'create' && !replaced)
      .map(({ fate }) => fate.key);
    const known = new Set(there.map(keyId));
    const listed = reader(there, { cluster, unit: { ref: this.#request.change.unit }, signal });
    return async (key) => {
      const live = (known.has(keyId(key)) ? await listed(key) : null) ?? (await cluster.get(key, { signal }));
      if (live !== null) this.#secrets.add(live);
      this.#note(key, { live });
      return live;
    };
  }
}

function isOfSecret({ fate: { key } }: Step): boolean {
  return isSecret({ apiVersion: key.group === '' ? key.version : key.group, kind: key.kind });
}

function bare({ fate, content }: Step, outcome: PlannedObject['outcome'], message: string): PlannedObject {
  const { key, action } = fate;
  const role = content?.role === undefined ? {} : { role: content.role };
  const path = content?.path ?? '';
  return { key: { ...key }, action, path, ...role, outcome, message, object: null, oldObject: null, fields: [] };
}

function unread(step: Step, why: string): PlannedObject {
  return bare(step, 'unread', why);
}

/** JSON has no undefined. */
function written({ path, before, after }: ObjectDiff['fields'][number]): PlannedObject['fields'][number] {
  const sides = { ...(before !== undefined && { before }), ...(after !== undefined && { after }) };
  return { path, ...sides } as PlannedObject['fields'][number];
}
