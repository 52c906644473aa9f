import type { HelmRelease, HelmReleaseSpec, HelmReleaseStatus, ReleaseSnapshot } from '@plumb/api';
import type { ActionName, HelmStatus, LastRelease, MadeWith, ReleaseFacts } from '../release/facts.ts';
import { isPending, pendingAction } from '../release/facts.ts';
import { countFailure, ignoresTestFailures, NO_FAILURES, resetReason } from '../release/failures.ts';
import {
  adoptSnapshot,
  fallbacksIn,
  isSameRecord,
  latestSnapshot,
  previousSnapshot,
  recordSnapshot,
  truncateHistory,
} from '../release/history.ts';
import { madeWithAt, observedDigests } from '../release/made-with.ts';
import { targetChanged } from '../release/names.ts';
import { nextOf } from '../release/next.ts';
import type { Fallback } from '../release/history.ts';
import type { Next } from '../release/next.ts';
import { maxHistoryOf, uninstallOptionsOf } from '../release/options.ts';
import { adoptedStatus, stateOf } from '../release/state.ts';
import type { ReleaseState } from '../release/state.ts';
import type { ActionOutcome } from '../release/transitions.ts';

/** What a release is made of. */
export interface Content {
  chart: string;
  config: string;
  post: string;
}

interface StoredRecord {
  version: number;
  status: HelmStatus;
  content: Content;
  /** Another one for each time that something is deployed. */
  deployed: string;
  interrupted: LastRelease['interrupted'];
  /** Null for records of others. */
  made: MadeWith | null;
  /** Differs when others changed the record. */
  salt: number;
}

/** A record as it can be told from others. */
interface Stored {
  version: number;
  status: HelmStatus;
  digest: string;
}

/** How one action goes. `at` is where it is killed: a share of the way. */
export interface Fate {
  outcome: ActionOutcome;
  at: number;
}

/** One decision and what came of it. */
export interface Step {
  facts: ReleaseFacts;
  /** What storage had. */
  stored: readonly Stored[];
  state: ReleaseState;
  next: Next;
  fate: Fate | null;
  /** Where the release was right after. */
  after: ReleaseState | null;
}

const NAMESPACE = 'shop';
const SECOND = 1_000;

/**
 * A model of Helm's storage and of an agent that does what nextOf says, to replay trouble against: what an action writes is as docs/spec/helmrelease.md has
 * it, and a kill loses whatever of the status was not written yet.
 */
export class ReleaseWorld {
  /** Records by the name of their release. */
  readonly storage = new Map<string, StoredRecord[]>();
  wanted: Content = { chart: '1', config: 'a', post: '' };
  name = 'cart';
  generation = 1;
  drifted: 'correct' | 'warn' | null = null;
  held = false;
  forced = false;
  reset = false;
  changed = false;
  now = 0;
  spec: Omit<HelmReleaseSpec, 'interval' | 'chart' | 'chartRef'>;
  status: HelmReleaseStatus = {};
  readonly steps: Step[] = [];
  #triedAt = -Infinity;
  #deployments = 0;

  constructor(spec: Omit<HelmReleaseSpec, 'interval' | 'chart' | 'chartRef'>) {
    this.spec = spec;
  }

  /** When the next release is deployed. */
  stamp(): string {
    this.#deployments += 1;
    return String(this.#deployments);
  }

  get records(): StoredRecord[] {
    const found = this.storage.get(this.name) ?? [];
    this.storage.set(this.name, found);
    return found;
  }

  get last(): StoredRecord | undefined {
    return this.records.toSorted((a, b) => b.version - a.version)[0];
  }

  /** What storage has by now. */
  get stored(): Stored[] {
    return this.records.map((record) => ({ version: record.version, status: record.status, digest: digestOf(record) }));
  }

  get release(): HelmRelease {
    return {
      apiVersion: 'helm.toolkit.fluxcd.io/v2',
      kind: 'HelmRelease',
      metadata: { name: 'cart', namespace: NAMESPACE, generation: this.generation },
      spec: { ...this.spec, releaseName: this.name, interval: '1m', chartRef: { kind: 'HelmChart', name: 'cart' } },
      status: this.status,
    };
  }

  facts(done: readonly ActionName[] = []): ReleaseFacts {
    const { release, last } = this;
    const { chart, config, post } = this.wanted;
    const ignoresTests = ignoresTestFailures(release);
    const previous = previousSnapshot(this.status.history, ignoresTests);
    const found = this.records.find(({ version }) => version === previous?.version);
    const isThere = found !== undefined && digestOf(found) === previous?.digest;
    const fallbacks = last === undefined ? [] : fallbacksIn(this.records, last, this.status.history, ignoresTests);
    const isAsKnown = ({ version, digest }: Fallback): boolean =>
      digest === null || this.stored.some((record) => record.version === version && record.digest === digest);
    return {
      release,
      last: last === undefined ? null : this.#lastOf(last),
      wanted: {
        releaseName: this.name,
        chartName: 'cart',
        chartVersion: chart,
        configDigest: config,
        postRenderersDigest: post,
        commonMetadataDigest: '',
      },
      doubted: false,
      held: this.held,
      drifted: this.drifted,
      target: previous === undefined ? 'none' : found === undefined ? 'missing' : isThere ? 'there' : 'changed',
      fallback: isThere ? null : (fallbacks.find(isAsKnown)?.version ?? null),
      forceRequested: this.forced,
      resetRequested: this.reset,
      changedSinceExhausted: this.changed,
      sinceLastTry: this.now - this.#triedAt,
      done,
    };
  }

  #lastOf(record: StoredRecord): LastRelease {
    const { version, status, content, deployed, interrupted, made } = record;
    return {
      version,
      status,
      digest: digestOf(record),
      name: this.name,
      namespace: NAMESPACE,
      chartName: 'cart',
      chartVersion: content.chart,
      configDigest: content.config,
      lastDeployed: deployed,
      madeWith: made,
      interrupted,
    };
  }

  /** One run: until nothing is to be done, an action does not get through, or the process is killed. */
  run(fates: () => Fate): Next | 'error' | 'killed' {
    const reset = resetReason(this.facts());
    if (reset !== null) this.#patch(NO_FAILURES);
    this.reset = false;
    this.changed = false;
    const done: ActionName[] = [];
    const moved = targetChanged(this.release, this.facts().wanted) !== null;
    this.#patch({
      lastAttemptedGeneration: this.generation,
      lastAttemptedRevision: this.wanted.chart,
      lastAttemptedConfigDigest: this.wanted.config,
      ...(moved ? {} : { storageNamespace: NAMESPACE }),
    });
    for (;;) {
      const facts = this.facts([...done]);
      const state = stateOf(facts);
      const next = nextOf(state, facts);
      if (state.adopt !== null && this.last !== undefined) {
        this.#patch(adoptedStatus(facts, this.#snapshotOf(this.last)));
      }
      const step: Step = { facts, stored: this.stored, state, next, fate: null, after: null };
      this.steps.push(step);
      if (next.do === 'rest') this.#rest();
      if (next.do !== 'act') return next;
      this.forced = false;
      step.fate = fates();
      const ended = this.#act(next, state, step.fate);
      done.push(next.action);
      step.after = stateOf(this.facts(done));
      if (ended !== 'done') return ended;
    }
  }

  #rest(): void {
    const history = truncateHistory(this.status.history, ignoresTestFailures(this.release));
    this.#patch({ ...NO_FAILURES, history });
  }

  #act(next: Next & { do: 'act' }, state: ReleaseState, fate: Fate): 'done' | 'error' | 'killed' {
    const { action } = next;
    if (fate.outcome === 'killed') {
      // What was written so far is what a shorter way would have written.
      const writes = this.#writesOf(next, state, { ...fate, outcome: fate.at < 0.5 ? 'succeeded' : 'failed' });
      const share = (fate.at * 2) % 1;
      for (const write of writes.slice(0, Math.floor(share * (writes.length + 1)))) write();
      return 'killed';
    }
    if (fate.outcome === 'unstored') {
      this.#patch(countFailure(this.release, { action, stored: false }));
      return 'error';
    }
    for (const write of this.#writesOf(next, state, fate)) write();
    const isTry = action !== 'unlock' && action !== 'test' && action !== 'correct' && action !== 'uninstall';
    this.now += SECOND;
    if (isTry) this.#triedAt = this.now;
    const isLost = fate.outcome === 'failed' && (action === 'unlock' || action === 'correct' || action === 'uninstall');
    return isLost ? 'error' : 'done';
  }

  /** The writes of an action one after the other, to the storage, to the objects and to the status. */
  #writesOf(next: Next & { do: 'act' }, state: ReleaseState, { outcome }: Fate): (() => void)[] {
    const failed = outcome === 'failed';
    switch (next.action) {
      case 'install':
        return this.#releaseWrites({ action: 'install', failed, history: [], content: this.wanted });
      case 'upgrade': {
        const history = state.name === 'Unmanaged' ? [] : (this.status.history ?? []);
        return this.#releaseWrites({ action: 'upgrade', failed, history, content: this.wanted });
      }
      case 'rollback':
        return this.#rollbackWrites(next.to, failed);
      case 'uninstall-remediation':
        return this.#uninstallWrites(failed);
      case 'unlock':
        return failed ? [] : this.#unlockWrites();
      case 'test':
        return [() => this.#tested(failed)];
      case 'correct':
        return [() => (failed ? this.#count('correct') : void (this.drifted = null))];
      case 'uninstall':
        return failed ? [() => this.#count('uninstall')] : this.#leaveWrites();
    }
  }

  #releaseWrites(made: {
    action: 'install' | 'upgrade';
    failed: boolean;
    history: ReleaseSnapshot[];
    content: Content;
  }): (() => void)[] {
    const { action, failed } = made;
    const record = this.#newRecord(action === 'install' ? 'pending-install' : 'pending-upgrade', made.content);
    const announced = () => {
      this.#patch({ history: made.history, lastAttemptedReleaseAction: action });
      this.#record(record, action);
    };
    return [
      ...(made.history.length === 0 ? [announced] : []),
      () => void this.records.push(record),
      () => this.#prune(),
      () => this.#settle(record, failed),
      () => {
        this.#patch({ lastAttemptedReleaseAction: action });
        this.#record(record, action);
        for (const other of this.records) this.#refresh(other);
        if (failed) this.#count(action);
        else this.#patch(observedDigests(record.made));
      },
    ];
  }

  #rollbackWrites(to: number, failed: boolean): (() => void)[] {
    const target = this.records.find(({ version }) => version === to);
    const made = madeWithAt(this.status, { version: to, madeWith: target?.made ?? null });
    const record = this.#newRecord('pending-rollback', target?.content ?? this.wanted, made);
    return [
      () => void this.records.push(record),
      () => this.#settle(record, failed),
      () => {
        this.#record(record, 'rollback');
        for (const other of this.records) this.#refresh(other);
        if (failed) this.#count('rollback');
        else this.#patch(observedDigests(record.made));
      },
    ];
  }

  #uninstallWrites(failed: boolean): (() => void)[] {
    const { last } = this;
    if (last === undefined) return [];
    const keeps = uninstallOptionsOf(this.release.spec).keepHistory;
    const gone: StoredRecord = { ...last, status: 'uninstalled' };
    const end = failed
      ? [() => void (last.status = 'failed'), () => this.#record(last, 'uninstall-remediation')]
      : [
          () => void (keeps ? (last.status = 'uninstalled') : this.records.splice(0)),
          () => this.#record(gone, 'uninstall-remediation'),
        ];
    return [
      () => Object.assign(last, { status: 'uninstalling', interrupted: null }),
      ...end,
      ...(failed ? [() => this.#count('uninstall-remediation')] : []),
    ];
  }

  #unlockWrites(): (() => void)[] {
    const { last } = this;
    if (last === undefined) return [];
    const action = pendingAction(last.status);
    return [
      () => Object.assign(last, { status: 'failed', interrupted: 'killed' }),
      () => {
        const latest = latestSnapshot(this.status.history);
        const known = latest !== undefined && isSameRecord(latest, this.#lastOf(last)) ? latest.action : undefined;
        this.#patch({ history: adoptSnapshot(this.status.history, this.#snapshotOf(last, known ?? action)) });
      },
    ];
  }

  #leaveWrites(): (() => void)[] {
    const old = latestSnapshot(this.status.history)?.name ?? '';
    return [
      () => void this.storage.delete(old),
      () => this.#patch({ history: [], storageNamespace: '', ...NO_FAILURES }),
      () => this.#patch({ storageNamespace: NAMESPACE }),
    ];
  }

  #tested(failed: boolean): void {
    const { last } = this;
    if (last === undefined) return;
    this.#record(last);
    const [latest, ...others] = recordSnapshot(this.status.history, this.#snapshotOf(last));
    if (latest === undefined) return;
    const tested = { ...latest, testHooks: { smoke: { phase: failed ? 'Failed' : 'Succeeded' } } };
    this.#patch({ history: [tested, ...others] });
    if (failed) this.#count('test');
  }

  #newRecord(status: HelmStatus, content: Content, given?: MadeWith): StoredRecord & { made: MadeWith } {
    const made = given ?? { postRenderersDigest: content.post, commonMetadataDigest: '' };
    const version = (this.last?.version ?? 0) + 1;
    return { version, status, content: { ...content }, deployed: this.stamp(), interrupted: null, made, salt: 0 };
  }

  /** How Helm leaves the records: what was deployed before stays so until the new one is. */
  #settle(record: StoredRecord, failed: boolean): void {
    record.status = failed ? 'failed' : 'deployed';
    if (failed) return;
    this.drifted = null;
    for (const other of this.records) {
      if (other !== record && other.status === 'deployed') other.status = 'superseded';
    }
  }

  /** Neither the record under way nor the newest deployed one. */
  #prune(): void {
    const kept = maxHistoryOf(this.release.spec);
    if (kept === 0) return;
    const sorted = this.records.toSorted((a, b) => a.version - b.version);
    const deployed = sorted.findLast(({ status }) => status === 'deployed');
    const old = sorted.filter((record) => record !== deployed && record !== sorted.at(-1));
    const leaving = old.slice(0, Math.max(sorted.length - kept, 0));
    this.storage.set(
      this.name,
      this.records.filter((record) => !leaving.includes(record)),
    );
  }

  #snapshotOf(record: StoredRecord, action?: ReleaseSnapshot['action']): ReleaseSnapshot {
    const { digest, status, version, ...last } = this.#lastOf(record);
    const { name, namespace, chartName, chartVersion, configDigest, lastDeployed } = last;
    const times = { firstDeployed: lastDeployed, lastDeployed };
    const fields = { name, namespace, version, status, chartName, chartVersion, configDigest, digest, ...times };
    return action === undefined ? fields : { ...fields, action };
  }

  #record(record: StoredRecord, action?: ReleaseSnapshot['action']): void {
    this.#patch({ history: recordSnapshot(this.status.history, this.#snapshotOf(record, action)) });
  }

  /** What the status says of an older record follows it. */
  #refresh(record: StoredRecord): void {
    const known = this.status.history?.some(({ name, version }) => name === this.name && version === record.version);
    if (known === true && !isPending(record.status) && record.salt === 0) this.#record(record);
  }

  #count(action: ActionName): void {
    this.#patch(countFailure(this.release, { action, stored: true }));
  }

  #patch(change: Partial<HelmReleaseStatus>): void {
    this.status = { ...this.status, ...change };
  }
}

function digestOf({ version, status, content, deployed, salt }: StoredRecord): string {
  return [version, status, content.chart, content.config, content.post, deployed, salt].join('/');
}
