import { asPlumbError, type KubeObject } from '@plumb/api';
import type { ActionContext } from './context.ts';

/** The last lines of a failed hook's log, and the longest of them: an event holds no more. */
const LINES = 10;
const LONGEST = 1_500;
/** Milliseconds for the kubelet to answer: what a hook failed of is not to be kept back for its log. */
const ANSWER_WITHIN = 10_000;
const POD = { group: '', version: 'v1', kind: 'Pod' } as const;

interface ContainerStatus {
  name: string;
  state?: { terminated?: { exitCode?: number } };
  lastState?: { terminated?: { exitCode?: number } };
}

/** What is read of a Pod. */
interface Pod extends KubeObject {
  spec: { nodeName?: string; containers: readonly { name: string }[] };
  status?: {
    phase?: string;
    initContainerStatuses?: readonly ContainerStatus[];
    containerStatuses?: readonly ContainerStatus[];
  };
}

type LogContext = Pick<ActionContext, 'cluster' | 'signal' | 'hidesValues'>;

/**
 * Tells of the log of a failed hook, a Job or Pod: what the container that failed wrote last, or why that cannot be shown. A log may hold anything:
 * none is shown where values are secret.
 */
export async function logsOf(object: KubeObject, context: LogContext): Promise<string> {
  if (context.hidesValues) return 'its log is not shown, since its values come from Secrets';
  try {
    const pod = object.kind === 'Pod' ? (object as Pod) : await podOf(object, context);
    if (pod === null) return 'it has no log any more: its Pods are gone';
    // Of such a Pod the API server gives an empty log.
    if ((pod.spec.nodeName ?? '') === '') return 'it has no log: its Pod was given no node';
    const text = await read(pod, context);
    return text === '' ? 'its log is empty' : `last lines of its log:\n${text}`;
  } catch (thrown) {
    return `its log cannot be read: ${asPlumbError(thrown).message}`;
  }
}

async function read(pod: Pod, { cluster, signal }: LogContext): Promise<string> {
  const { name, namespace = '' } = pod.metadata;
  const query = new URLSearchParams({ container: containerOf(pod), tailLines: String(LINES) });
  const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN)]);
  const text = await cluster.raw(`/api/v1/namespaces/${namespace}/pods/${name}/log?${query.toString()}`, {
    signal: within,
  });
  return text.trim().slice(-LONGEST);
}

/** The container that failed; else the one that is meant where nobody names one, as kubectl has it. */
function containerOf({ metadata, spec, status = {} }: Pod): string {
  const { initContainerStatuses = [], containerStatuses = [] } = status;
  const hasFailed = ({ state, lastState }: ContainerStatus): boolean =>
    ((state?.terminated ?? lastState?.terminated)?.exitCode ?? 0) !== 0;
  const failed = [...initContainerStatuses, ...containerStatuses].find(hasFailed);
  const meant = metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  return failed?.name ?? meant ?? spec.containers[0]?.name ?? '';
}

/** The newest Pod of a Job that failed; else its newest. */
async function podOf({ metadata }: KubeObject, { cluster, signal }: LogContext): Promise<Pod | null> {
  const { name, namespace = '' } = metadata;
  const labelSelector = `batch.kubernetes.io/job-name=${name}`;
  const { items } = await cluster.list(POD, { namespace, labelSelector, signal });
  const pods = (items as Pod[]).toSorted((a, b) => createdAt(b).localeCompare(createdAt(a)));
  return pods.find(({ status }) => status?.phase === 'Failed') ?? pods[0] ?? null;
}

function createdAt({ metadata }: KubeObject): string {
  return metadata.creationTimestamp ?? '';
}
