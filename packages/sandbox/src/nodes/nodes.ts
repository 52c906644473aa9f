import { asPlumbError, type Json, type KindRef, type KubeObject, type ObjectKey, PlumbError } from '@plumb/api';
import { type Cluster, reflect } from '@plumb/kube';

import type { Nodes, Notice } from '../types.ts';
import { type LogSource, startKubeletServer } from './kubelet-server.ts';
import { Kubelets, POD } from './kubelets.ts';
import { NODE_LABEL, nodeLabels, nodeObject } from './node-object.ts';
import { CLAIM, storageClass, Volumes } from './volumes.ts';

export interface NodesOptions {
  /** How many. Default 3. */
  nodes?: number;
  /** What `kubectl logs` shows of a container; null leaves it to the simulation. */
  logs?: LogSource;
  signal?: AbortSignal;
  notify?: (notice: Notice) => void;
}

const NODE: KindRef = { group: '', version: 'v1', kind: 'Node' };
const FIELD_MANAGER = 'plumb-sandbox';

/**
 * Registers the nodes and a default StorageClass, then schedules and "runs" every pod of the cluster until `close`, or until
 * the signal aborts. What a pod does is scripted by the annotation of behaviour.ts. Resolves when the nodes are Ready and
 * every pod that was there is known.
 */
export async function startNodes(cluster: Cluster, options: NodesOptions): Promise<Nodes> {
  const names = Array.from({ length: options.nodes ?? 3 }, (_, index) => `sandbox-${index + 1}`);
  const notify = options.notify ?? (() => undefined);
  const onError = (error: unknown, name: string): void => {
    notify({ level: 'warn', event: 'simulation-failed', message: `${name}: ${asPlumbError(error).message}` });
  };
  const nodes = names.map((name) => ({ name, labels: nodeLabels(name) }));
  const kubelets = new Kubelets(cluster, { nodes, onError });
  const server = await startKubeletServer((container) => options.logs?.(container) ?? kubelets.logOf(container));
  await registerNodes(cluster, names, server.port);
  await cluster.apply(storageClass, { fieldManager: FIELD_MANAGER, force: true });
  const volumes = new Volumes(cluster, onError);
  const stopped = new AbortController();
  const { signal } = stopped;
  const watches = [reflect(cluster, POD, kubelets, { signal }), reflect(cluster, CLAIM, volumes, { signal })];
  const close = async (): Promise<void> => {
    stopped.abort();
    await Promise.all([...watches.map((watch) => watch.done()), kubelets.close(), volumes.close(), server.close()]);
  };
  options.signal?.addEventListener('abort', () => void close(), { once: true });
  await Promise.all(watches.map((watch) => watch.ready()));
  return { close };
}

/** Makes the nodes what a kubelet's registration would, and removes those an earlier start had more of. */
async function registerNodes(cluster: Cluster, names: readonly string[], kubeletPort: number): Promise<void> {
  const version = await cluster.version();
  const wanted = names.map((name) => nodeObject({ name, version, kubeletPort }, Date.now()));
  await Promise.all(wanted.map((node) => registerNode(cluster, node)));
  const { items } = await cluster.list(NODE, { labelSelector: NODE_LABEL });
  const extra = items.filter((node) => !names.includes(node.metadata.name));
  await Promise.all(extra.map((node) => cluster.delete(nodeKey(node.metadata.name))));
}

async function registerNode(cluster: Cluster, node: KubeObject): Promise<void> {
  const key = nodeKey(node.metadata.name);
  try {
    await cluster.create(node);
  } catch (error) {
    if (!(error instanceof PlumbError) || error.code !== 'api-conflict') throw error;
    await cluster.patch(key, { status: node['status'] as Json }, { type: 'merge', subresource: 'status' });
  }
  // Admission taints a new node as not ready; the controller that would lift it again does not run here.
  await cluster.patch(key, { spec: { taints: null } }, { type: 'merge' });
}

function nodeKey(name: string): ObjectKey {
  return { ...NODE, namespace: '', name };
}
