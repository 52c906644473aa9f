import type { KubeObject, Source } from '@plumb/api';
import { GIT_REPOSITORY, readSource } from '@plumb/api';
import type { FluxObjects } from './flux-objects.ts';
import type { Availability, OnDemandObjects } from './on-demand-objects.ts';

/** Whether sources of a kind can be looked up, and what keeps them away. */
export interface Access {
  availability: Availability;
  trouble: string | null;
}

type Listener = (kind: string, id: string, object: KubeObject | undefined, before: KubeObject | undefined) => void;

/**
 * The sources that Kustomizations may name: GitRepositories, which this agent fetches itself, and the kinds whose artifacts others make. These
 * are watched only while somebody needs them.
 */
export class SourceObjects {
  readonly #gitRepositories: FluxObjects;
  readonly #others: ReadonlyMap<string, OnDemandObjects>;

  constructor(gitRepositories: FluxObjects, others: readonly OnDemandObjects[]) {
    this.#gitRepositories = gitRepositories;
    this.#others = new Map(others.map((objects) => [objects.kind.kind, objects]));
  }

  get(kind: string, id: string): Source | undefined {
    const isOwn = kind === GIT_REPOSITORY.kind;
    const object = isOwn ? this.#gitRepositories.get(id) : this.#others.get(kind)?.get(id);
    return object === undefined ? undefined : readSource(object);
  }

  /** The uid and generation of an object; undefined for one that is not in view. */
  generation(kind: string, id: string): string | undefined {
    const object = kind === GIT_REPOSITORY.kind ? this.#gitRepositories.get(id) : this.#others.get(kind)?.get(id);
    return object === undefined ? undefined : `${object.metadata.uid ?? ''} ${object.metadata.generation ?? 0}`;
  }

  access(kind: string): Access {
    const { availability = 'listed', trouble = null } = this.#others.get(kind) ?? {};
    return { availability, trouble };
  }

  /** Somebody names a source of this kind. */
  need(kind: string): void {
    this.#others.get(kind)?.need();
  }

  /** Ends the watches of all kinds but these. */
  needOnly(kinds: ReadonlySet<string>): void {
    for (const [kind, objects] of this.#others) if (!kinds.has(kind)) objects.rest();
  }

  listen(listener: Listener): void {
    this.#gitRepositories.listen((...change) => listener(GIT_REPOSITORY.kind, ...change));
    for (const [kind, objects] of this.#others) objects.listen((...change) => listener(kind, ...change));
  }

  /** Told of a kind whose availability has changed. */
  listenAvailability(listener: (kind: string) => void): void {
    for (const [kind, objects] of this.#others) objects.listenAvailability(() => listener(kind));
  }

  async done(): Promise<void> {
    await Promise.all(Array.from(this.#others.values(), (objects) => objects.done()));
  }
}
