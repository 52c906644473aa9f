import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '@plumb/api';
import { keyOf } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { lenient } from '../by-hand.ts';
import type { Chance } from '../chance.ts';
import { ENDS } from './charts.ts';
import type { PodEnd } from './charts.ts';

/** Milliseconds that a pod runs at most. */
const LONGEST = 400;

/** Does what a kubelet does: pods of hooks end as their annotation says, after a while. */
export class Pods {
  readonly #cluster: Cluster;
  readonly #chance: Chance;
  readonly #seen = new Set<string>();
  /** What failed once already, by the name of its Job. */
  readonly #failed = new Set<string>();
  readonly #running = new Set<Promise<void>>();

  constructor(cluster: Cluster, chance: Chance) {
    this.#cluster = cluster;
    this.#chance = chance;
  }

  /** Resolves when no pod runs any more that it plays. */
  async done(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** A pod was created or changed. */
  look(pod: KubeObject): void {
    const { uid = '', annotations = {} } = pod.metadata;
    const end = annotations[ENDS] as PodEnd | undefined;
    if (end === undefined || end === 'never' || this.#seen.has(uid)) return;
    this.#seen.add(uid);
    const running = this.#run(pod, this.#isWell(end, pod)).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #isWell(end: PodEnd, { metadata: { ownerReferences, name } }: KubeObject): boolean {
    if (end !== 'once-failed') return end === 'succeeded';
    const [owner] = (ownerReferences ?? []) as { name: string }[];
    const job = owner?.name ?? name;
    const isWell = this.#failed.has(job);
    this.#failed.add(job);
    return isWell;
  }

  async #run(pod: KubeObject, isWell: boolean): Promise<void> {
    await sleep(this.#chance.below(LONGEST));
    const status = { phase: isWell ? 'Succeeded' : 'Failed' };
    await lenient(() => this.#cluster.patch(keyOf(pod), { status }, { type: 'merge', subresource: 'status' }));
  }
}
