import type { KindRef, KubeObject } from '@plumb/api';
import { reflect, type Cluster, type Reflector } from '@plumb/kube';
import { checkStatus } from '@plumb/testkit';

/** Looks at every status that is written to objects of a kind, and notes the rules it breaks. */
export class StatusWatch {
  readonly #broken = new Set<string>();
  readonly #over = new AbortController();
  readonly #reflector: Reflector;

  constructor(cluster: Cluster, kind: KindRef, namespace: string) {
    const upsert = (object: KubeObject): void => {
      for (const broken of checkStatus(object)) this.#broken.add(`${kind.kind}/${object.metadata.name}: ${broken}`);
    };
    const sink = { upsert, remove: () => undefined, synced: () => undefined };
    this.#reflector = reflect(cluster, kind, sink, { namespace, signal: this.#over.signal });
  }

  /** One line for each rule that any status has broken since the start. */
  get broken(): string[] {
    return [...this.#broken];
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#reflector.done();
  }
}
