import type { HelmRelease, HelmReleaseStatus, ObjectKey } from '@plumb/api';
import {
  adoptedStatus,
  latestSnapshot,
  NO_FAILURES,
  nextOf,
  OWNERSHIPS,
  parseInventoryEntry,
  resetReason,
  stateOf,
} from '@plumb/core';
import type { Next, ReleaseState } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import { LiveObjects } from '../../delivery/live.ts';
import { ownedKeys } from '../../releases/bring-in.ts';
import type { StoredRelease } from '../../releases/storage.ts';
import type { Desired } from '../../releases/wanted.ts';
import { systemClock } from '../../runtime/clock.ts';
import { ReleaseMemory } from './memory.ts';
import { factsOf, placeOf, storeOf, type Sight, type Sighted } from './see-release.ts';

export interface ForeseeOptions {
  /** As the identity that the release is made by. */
  cluster: Cluster;
  engine: Engine;
  signal: AbortSignal;
}

/** A release somewhere, and what it owns. */
export interface Standing {
  /** Its newest record; null: there is none. */
  last: StoredRelease | null;
  owned: readonly ObjectKey[];
}

/** What a run of the agent would do to a release, as far as that can be told beforehand: if each step succeeds. */
export interface Foreseen {
  state: ReleaseState;
  /** Empty: nothing. */
  steps: readonly Extract<Next, { do: 'act' }>[];
  /** Why it does nothing, or no more, where that is not because all is as declared. */
  end: Exclude<Next, { do: 'act' | 'rest' }> | null;
  /** What the release is elsewhere, or under another name: that is uninstalled first. */
  left: Standing | null;
  /** What it is where it is declared. */
  here: Standing;
  /** The record a rollback goes to. */
  target: StoredRelease | null;
}

/** Steps that only make way for what comes next. */
const FIRST: ReadonlySet<string> = new Set(['unlock', 'uninstall']);

/**
 * Decides about a release as the agent would in its next run, with nothing known of earlier ones but what the cluster tells. Writes nothing. Drift is not
 * looked for.
 * @throws PlumbError as the Cluster port has it, and `storage-failed` for a record that cannot be read
 */
export async function foreseeRelease(
  release: HelmRelease,
  desired: Desired,
  { cluster, engine, signal }: ForeseeOptions,
): Promise<Foreseen> {
  const live = new LiveObjects({ cluster, ownership: OWNERSHIPS.HelmRelease, onChange: () => undefined });
  const own = { id: '', place: '', host: '', cluster, live, confirm: () => Promise.resolve() };
  const hands: Sight = {
    cluster,
    over: (other) => other,
    clusters: { own },
    clock: systemClock,
    engine,
    signal,
    defaultServiceAccount: undefined,
    gates: null,
    records: null,
    storage: { ready: () => Promise.resolve(), entries: () => undefined, note: () => undefined },
  };
  try {
    // Who acts is settled: the cluster is given as that identity.
    const { serviceAccountName: _given, kubeConfig: _elsewhere, ...spec } = release.spec;
    return await new Foresight({ ...release, spec }, desired, hands).run();
  } finally {
    await live.close();
  }
}

type Draft = HelmRelease & { status: HelmReleaseStatus };

class Foresight {
  readonly #draft: Draft;
  readonly #desired: Desired;
  readonly #hands: Sight;
  readonly #memory: ReleaseMemory;
  readonly #steps: Extract<Next, { do: 'act' }>[] = [];

  constructor(release: HelmRelease, desired: Desired, hands: Sight) {
    const { name, namespace = '', uid = '' } = release.metadata;
    this.#draft = { ...release, status: { ...release.status } };
    this.#desired = desired;
    this.#hands = hands;
    this.#memory = new ReleaseMemory({ kind: 'HelmRelease', namespace, name }, uid);
  }

  async run(): Promise<Foreseen> {
    let first: ReleaseState | null = null;
    let left: Standing | null = null;
    for (;;) {
      const sight = await this.#look();
      const state = stateOf(sight.facts);
      first ??= state;
      if (state.adopt !== null && sight.known.snapshot !== null)
        Object.assign(this.#draft.status, adoptedStatus(sight.facts, sight.known.snapshot));
      const next = nextOf(state, sight.facts);
      if (next.do === 'act') this.#steps.push(next);
      if (next.do === 'act' && FIRST.has(next.action)) {
        if (next.action === 'uninstall') left = await this.#standing(sight);
        this.#pretend(next.action, sight);
        continue;
      }
      return {
        state: first,
        steps: this.#steps,
        end: next.do === 'act' || next.do === 'rest' ? null : next,
        left,
        here: await this.#standing(sight),
        target: next.do === 'act' && next.action === 'rollback' ? await this.#record(next.to) : null,
      };
    }
  }

  async #look(): Promise<Sighted> {
    const done = this.#steps.map(({ action }) => action);
    const underway = { inputs: '', begun: this.#draft, desired: this.#desired, done, startedAt: 0 };
    const sight = await factsOf(this.#draft, underway, { memory: this.#memory, hands: this.#hands });
    if (resetReason(sight.facts) !== null) Object.assign(this.#draft.status, NO_FAILURES);
    return sight;
  }

  /** What would be known after a step that succeeded. */
  #pretend(action: string, { facts, known }: Sighted): void {
    const { status } = this.#draft;
    if (action === 'uninstall') {
      Object.assign(status, NO_FAILURES, { history: [], storageNamespace: '', inventory: { entries: [] } });
      this.#memory.known = null;
      return;
    }
    const { last, snapshot } = known;
    if (last === null || snapshot === null) return;
    const unlocked = { ...last, status: 'failed', interrupted: 'killed' } as const;
    const failed = { ...snapshot, status: 'failed' };
    this.#memory.known = { last: unlocked, snapshot: failed, mark: '', content: null };
    Object.assign(status, adoptedStatus({ ...facts, last: unlocked }, failed));
  }

  async #standing({ last }: Sighted): Promise<Standing> {
    const release = this.#draft;
    const newest = await last();
    const owned = (release.status.inventory?.entries ?? []).map(parseInventoryEntry);
    const { cluster } = this.#hands;
    return { last: newest, owned: await ownedKeys({ owned }, newest, { release, cluster, store: this.#store() }) };
  }

  #record(version: number): Promise<StoredRelease | null> {
    const { name } = placeOf(this.#draft, this.#desired.wanted);
    return this.#store().get(latestSnapshot(this.#draft.status.history)?.name ?? name, version);
  }

  #store(): ReturnType<typeof storeOf> {
    const { namespace } = placeOf(this.#draft, this.#desired.wanted);
    return storeOf(this.#draft, namespace, { memory: this.#memory, hands: this.#hands });
  }
}
