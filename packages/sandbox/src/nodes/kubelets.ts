import type { Json, KindRef, KubeObject, ObjectKey } from '@plumb/api';
import type { Cluster, Sink } from '@plumb/kube';

import { Addresses } from './addresses.ts';
import { KeyedPool } from './keyed-pool.ts';
import type { ContainerRef } from './kubelet-server.ts';
import { NODE_ADDRESS } from './node-object.ts';
import { type Pod, podOf, timestamp } from './pod.ts';
import { stepPod } from './pod-step.ts';
import { awaitsNode, type Candidate, chooseNode } from './schedule.ts';

export const POD: KindRef = { group: '', version: 'v1', kind: 'Pod' };

export interface KubeletOptions {
  nodes: readonly Candidate[];
  onError: (error: unknown, pod: string) => void;
}

/** Requests in flight. More would only queue in the API server. */
const WIDTH = 32;

/**
 * Scheduler and kubelets of all simulated nodes: fed by one watch on pods, it binds what has no node and drives the status of
 * what has one of ours. A pod costs the binding and one status patch, one more when its readiness takes time.
 */
export class Kubelets implements Sink {
  readonly #cluster: Cluster;
  readonly #nodes: ReadonlyMap<string, Candidate>;
  readonly #pods = new Map<string, Pod>();
  readonly #addresses = new Addresses();
  readonly #pool: KeyedPool;
  #turn = 0;

  constructor(cluster: Cluster, options: KubeletOptions) {
    this.#cluster = cluster;
    this.#nodes = new Map(options.nodes.map((node) => [node.name, node]));
    this.#pool = new KeyedPool({ width: WIDTH, handle: (key) => this.#handle(key), onError: options.onError });
  }

  upsert(object: KubeObject): void {
    const key = keyOfPod(object);
    const pod = podOf(object);
    const before = this.#pods.get(key);
    if (before !== undefined && before.metadata.uid !== pod.metadata.uid) this.#addresses.release(uidOf(before));
    const address = pod.status?.podIP;
    if (address !== undefined) this.#addresses.keep(uidOf(pod), address);
    this.#pods.set(key, pod);
    this.#pool.add(key);
  }

  remove(last: KubeObject): void {
    const key = keyOfPod(last);
    this.#pods.delete(key);
    this.#pool.cancel(key);
    this.#addresses.release(uidOf(podOf(last)));
  }

  synced(): void {
    // Every pod is worked on as it comes.
  }

  /** What a container would have printed: when it started, and how it ended. */
  logOf({ namespace, pod, container }: ContainerRef): string | null {
    const status = this.#pods
      .get(`${namespace}/${pod}`)
      ?.status?.containerStatuses?.find(({ name }) => name === container);
    if (status === undefined) return null;
    const ended = status.state?.terminated ?? status.lastState?.terminated;
    const started = status.state?.running?.startedAt ?? ended?.startedAt;
    const lines = started === undefined ? [] : [`${started} ${status.image} started (simulated)`];
    if (ended !== undefined) lines.push(`${ended.finishedAt ?? ''} exit code ${ended.exitCode}`);
    return lines.map((line) => `${line}\n`).join('');
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #handle(key: string): Promise<void> {
    const pod = this.#pods.get(key);
    if (pod === undefined) return;
    if (awaitsNode(pod)) return this.#schedule(pod);
    if (this.#nodes.has(pod.spec.nodeName ?? '')) await this.#run(key, pod);
  }

  async #schedule(pod: Pod): Promise<void> {
    const { name, namespace = '' } = pod.metadata;
    const node = chooseNode(pod, [...this.#nodes.values()], this.#turn);
    if (node === null) return this.#reportUnschedulable(pod);
    this.#turn += 1;
    const target = { apiVersion: 'v1', kind: 'Node', name: node };
    await this.#cluster.create({ apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace }, target });
  }

  async #reportUnschedulable(pod: Pod): Promise<void> {
    const told = pod.status?.conditions?.some(
      ({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable',
    );
    if (told === true) return;
    const message = `0/${this.#nodes.size} nodes are available: ${this.#nodes.size} didn't match the pod's node affinity/selector.`;
    const lastTransitionTime = timestamp(Date.now());
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime };
    await this.#patchStatus(pod, { conditions: [condition] });
  }

  async #run(key: string, pod: Pod): Promise<void> {
    const podIP = pod.spec.hostNetwork === true ? NODE_ADDRESS : this.#addresses.of(uidOf(pod));
    const now = Date.now();
    const step = stepPod(pod, { hostIP: NODE_ADDRESS, podIP }, now);
    if (step.do === 'remove') {
      await this.#cluster.delete(objectKey(pod), { gracePeriodSeconds: 0, preconditions: { uid: uidOf(pod) } });
      return;
    }
    if (step.do === 'report') await this.#patchStatus(pod, step.status as unknown as Json);
    if (step.wakeAt !== undefined) this.#pool.addAfter(key, Math.max(step.wakeAt - now, 0));
  }

  /** Only onto the state it was decided from: lists in the status are replaced whole. */
  async #patchStatus(pod: Pod, status: Json): Promise<void> {
    const metadata = { uid: uidOf(pod), resourceVersion: pod.metadata.resourceVersion ?? '' };
    await this.#cluster.patch(objectKey(pod), { metadata, status }, { type: 'merge', subresource: 'status' });
  }
}

function keyOfPod(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function uidOf(pod: Pod): string {
  return pod.metadata.uid ?? '';
}

function objectKey(pod: Pod): ObjectKey {
  return { ...POD, namespace: pod.metadata.namespace ?? '', name: pod.metadata.name };
}
