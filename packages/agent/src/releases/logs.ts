import type { KubeObject } from '@plumb/api';
import type { ActionContext } from './context.ts';

/** The last lines of a failed hook's log, and the longest of them: an event holds no more. */
const LINES = 10;
const LONGEST = 1_500;
const POD = { group: '', version: 'v1', kind: 'Pod' } as const;

/** What the Pod of a hook, or the newest Pod of its Job, wrote last; '' where that cannot be had. A log may hold anything: none is shown where values are secret. */
export async function logsOf(object: KubeObject, context: ActionContext): Promise<string> {
  if (context.hidesValues) return '';
  try {
    const pod = object.kind === 'Pod' ? object.metadata.name : await podOf(object, context);
    if (pod === null) return '';
    const path = `/api/v1/namespaces/${object.metadata.namespace ?? ''}/pods/${pod}/log?tailLines=${LINES}&limitBytes=${LONGEST}`;
    const text = await context.cluster.raw(path);
    return typeof text === 'string' ? text.trim().slice(-LONGEST) : '';
  } catch {
    return '';
  }
}

async function podOf({ metadata }: KubeObject, { cluster, signal }: ActionContext): Promise<string | null> {
  const { name, namespace = '' } = metadata;
  const labelSelector = `batch.kubernetes.io/job-name=${name}`;
  const { items } = await cluster.list(POD, { namespace, labelSelector, metadataOnly: true, signal });
  const newest = items.toSorted((a, b) => createdAt(b).localeCompare(createdAt(a)))[0];
  return newest?.metadata.name ?? null;
}

function createdAt({ metadata }: KubeObject): string {
  return String((metadata as unknown as { creationTimestamp?: string }).creationTimestamp ?? '');
}
