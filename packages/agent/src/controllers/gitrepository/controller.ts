import type { GitRepository, KubeObject } from '@plumb/api';
import { jitter } from '@plumb/core';
import type { Clock } from '../../runtime/clock.ts';
import type { Finisher } from '../../runtime/finisher.ts';
import { objectId, type FluxObjects } from '../../runtime/flux-objects.ts';
import type { KeyedQueue } from '../../runtime/queue.ts';
import { PRIORITY } from '../../runtime/queue.ts';
import type { ConfigKey } from '../../runtime/watched-configs.ts';
import type { Leave } from '../../runtime/shards.ts';
import { intervalOf, isNews } from '../../runtime/flux-object.ts';
import type { Hands } from './act.ts';
import { actFetch, actFinalize } from './act.ts';
import type { Seen, SourceMemory } from './decide.ts';
import { decide } from './decide.ts';
import { report } from './report.ts';

export interface GitRepositoryControllerOptions {
  gitRepositories: FluxObjects;
  hands: Omit<Hands, keyof Leave | 'find'>;
  finisher: Finisher;
  queue: () => KeyedQueue;
  clock: Clock;
  jitterPercent: number;
}

/** What wakes a GitRepository, and what a wake-up does. */
export class GitRepositoryController {
  readonly #options: GitRepositoryControllerOptions;
  readonly #memories = new Map<string, SourceMemory>();

  constructor(options: GitRepositoryControllerOptions) {
    this.#options = options;
    options.gitRepositories.listen((id, object, before) => {
      if (object === undefined || before === undefined || isNews(before, object))
        options.queue().add(id, PRIORITY.request);
      if (object !== undefined) this.#wakeIncluders(object as GitRepository);
    });
    options.gitRepositories.listenRewound(() => this.#onRewound());
  }

  /** The source is another replica's now. */
  drop(id: string): void {
    this.#memories.delete(id);
  }

  /** A labelled Secret has changed: those that trust its keys are due at once. */
  onConfig({ kind, namespace, name }: ConfigKey): void {
    for (const id of this.#memories.keys()) {
      const object = this.#options.gitRepositories.get(id) as GitRepository | undefined;
      if (kind !== 'Secret' || object?.metadata.namespace !== namespace) continue;
      if (object.spec.verify?.secretRef?.name === name) this.#wake(id);
    }
  }

  async run(id: string, leave: Leave): Promise<void> {
    const { clock, finisher, gitRepositories, queue } = this.#options;
    const find: Hands['find'] = (namespace, name) =>
      gitRepositories.get(objectId({ namespace, name })) as GitRepository | undefined;
    const hands: Hands = { ...this.#options.hands, ...leave, find };
    const startedAt = clock.now();
    const seen = this.#see(id);
    const step = decide(seen);
    const { object } = seen;
    if (step.do === 'forget' || object === undefined) {
      this.#memories.delete(id);
      return;
    }
    if (step.do === 'rest') return;
    if (step.do === 'idle') return queue().addAfter(id, step.after);
    if (step.do === 'finalize') return actFinalize(object, hands);
    const { wakes } = seen.memory;
    const outcome =
      step.do === 'refuse'
        ? ({ type: 'terminal', facts: {}, said: step.said } as const)
        : await actFetch(object, seen.memory, hands);
    // The agent stops, or the source is another replica's now: what was not done is no failure, somebody else goes on.
    if (hands.signal.aborted && outcome.type !== 'done') return;
    // What woke it came too late for this run: the next one is due.
    if (seen.memory.wakes !== wakes) Object.assign(seen.memory, { succeeded: null, failed: null });
    const told = report(object, outcome, { now: clock.time(), interval: this.#see(id).interval });
    finisher.finish(id, object as KubeObject, told, (clock.now() - startedAt) / 1_000);
  }

  /** The statuses are older than what was fetched: they are brought up again. */
  #onRewound(): void {
    for (const memory of this.#memories.values()) Object.assign(memory, { succeeded: null, failed: null });
    for (const id of this.#options.gitRepositories.ids()) this.#options.queue().add(id);
  }

  /** Those that include an artifact which has changed since are due at once. */
  #wakeIncluders(included: GitRepository): void {
    const digest = included.status?.artifact?.digest;
    const { gitRepositories } = this.#options;
    for (const id of digest === undefined ? [] : this.#memories.keys()) {
      const object = gitRepositories.get(id) as GitRepository | undefined;
      if (object !== undefined && lacks(object, included, digest)) this.#wake(id);
    }
  }

  #wake(id: string): void {
    const memory = this.#memories.get(id);
    if (memory !== undefined) Object.assign(memory, { succeeded: null, failed: null, wakes: memory.wakes + 1 });
    this.#options.queue().add(id, PRIORITY.request);
  }

  #see(id: string): Seen {
    const { gitRepositories, clock, jitterPercent } = this.#options;
    const object = gitRepositories.get(id) as GitRepository | undefined;
    const memory = this.#memoryOf(id, object);
    const interval = object === undefined ? 0 : jitter(intervalOf(object), jitterPercent, memory.spread);
    return { object, memory, now: clock.now(), interval };
  }

  #memoryOf(id: string, object: GitRepository | undefined): SourceMemory {
    const known = this.#memories.get(id);
    const uid = object?.metadata.uid ?? '';
    if (known !== undefined && (object === undefined || known.uid === uid)) return known;
    const memory: SourceMemory = { uid, succeeded: null, failed: null, wakes: 0, spread: this.#options.clock.random() };
    this.#memories.set(id, memory);
    return memory;
  }
}

/** Whether an object includes another, and was made with another artifact of it than the one on offer. */
function lacks(
  { metadata, spec, status }: GitRepository,
  included: GitRepository,
  digest: string | undefined,
): boolean {
  if (metadata.namespace !== included.metadata.namespace || !Array.isArray(spec.include)) return false;
  const at = spec.include.findIndex(({ repository }) => repository.name === included.metadata.name);
  return at >= 0 && status?.includedArtifacts?.[at]?.digest !== digest;
}
