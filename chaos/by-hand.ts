import type { JsonObject, KubeObject, ObjectKey } from '@plumb/api';
import { displayKey, keyId, keyOf, PlumbError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import type { State } from './history.ts';

const MANAGER = 'chaos';

/** What is done by hand to objects in the cluster. Whatever else a history shows of them was done by an agent. */
export class ByHand {
  readonly #cluster: Cluster;
  readonly #say: (text: string) => void;
  /** What we wrote: `id@resourceVersion`. */
  readonly #written = new Set<string>();
  /** Uids of the objects we deleted. */
  readonly #deleted = new Set<string>();
  readonly #drifts = new Map<string, number>();

  constructor(cluster: Cluster, say: (text: string) => void) {
    this.#cluster = cluster;
    this.#say = say;
  }

  /** Creates an object that nobody declares. */
  async create(object: KubeObject): Promise<KubeObject> {
    return this.#note(await this.#cluster.create(object, { fieldManager: MANAGER }));
  }

  /** Changes a managed object. The patch must change something, or the agent's write would count as ours. */
  async change(key: ObjectKey, patch: JsonObject): Promise<void> {
    const changed = await lenient(() => this.#cluster.patch(key, patch, { type: 'merge', fieldManager: MANAGER }));
    if (changed === null) return;
    this.#note(changed);
    this.#countDrift(key);
  }

  /** Deletes a managed object. */
  async remove(key: ObjectKey): Promise<void> {
    const uid = (await this.#cluster.get(key))?.metadata.uid;
    if (uid === undefined) return;
    const deleted = await lenient(() => this.#cluster.delete(key, { preconditions: { uid } }));
    if (deleted !== true) return;
    this.#deleted.add(uid);
    this.#countDrift(key);
  }

  /** How often an object was changed or deleted. */
  driftsOf(id: string): number {
    return this.#drifts.get(id) ?? 0;
  }

  wrote(id: string, resourceVersion: string | bigint): boolean {
    return this.#written.has(`${id}@${resourceVersion}`);
  }

  removed(uid: string): boolean {
    return this.#deleted.has(uid);
  }

  /** Whether a state of a drifted object is what we made it, and nobody put it right since. */
  didLast(id: string, { at, uid, object }: State): boolean {
    return this.driftsOf(id) > 0 && (object === null ? this.removed(uid) : this.wrote(id, at));
  }

  #countDrift(key: ObjectKey): void {
    const id = keyId(key);
    this.#say(`drift of ${displayKey(key)}`);
    this.#drifts.set(id, this.driftsOf(id) + 1);
  }

  #note(object: KubeObject): KubeObject {
    this.#written.add(`${keyId(keyOf(object))}@${object.metadata.resourceVersion}`);
    return object;
  }
}

/** What is to be changed may be gone, or not there yet. @returns null then */
export async function lenient<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PlumbError && ['api-not-found', 'api-conflict'].includes(error.code)) return null;
    throw error;
  }
}
