import type { KubeObject } from '@plumb/api';
import { FINALIZER, keyOf, PlumbError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';

export interface FinalizerContext {
  cluster: Cluster;
  fieldManager: string;
  signal: AbortSignal;
}

const ATTEMPTS = 5;

/** Puts our finalizer on an object, beside those of others. Does nothing when it is there, or when the object is gone. */
export function addFinalizer(object: KubeObject, context: FinalizerContext): Promise<void> {
  return change(object, context, (names) => (names.includes(FINALIZER) ? null : [...names, FINALIZER]));
}

/** Takes our finalizer from an object, and leaves those of others. Does nothing when it is not there, or when the object is gone. */
export function dropFinalizer(object: KubeObject, context: FinalizerContext): Promise<void> {
  return change(object, context, (names) =>
    names.includes(FINALIZER) ? names.filter((name) => name !== FINALIZER) : null,
  );
}

/** The list is replaced as a whole, so it is sent with the version it was read at; another's write in between means reading again. */
async function change(
  object: KubeObject,
  { cluster, fieldManager, signal }: FinalizerContext,
  next: (names: readonly string[]) => string[] | null,
): Promise<void> {
  const key = keyOf(object);
  let current: KubeObject | null = object;
  for (let attempt = 1; current !== null && current.metadata.uid === object.metadata.uid; attempt++) {
    const finalizers = next(current.metadata.finalizers ?? []);
    if (finalizers === null) return;
    const { resourceVersion = '' } = current.metadata;
    try {
      await cluster.patch(key, { metadata: { finalizers, resourceVersion } }, { type: 'merge', fieldManager, signal });
      return;
    } catch (thrown) {
      if (!(thrown instanceof PlumbError) || !RACED.has(thrown.code) || attempt === ATTEMPTS) throw thrown;
    }
    current = await cluster.get(key, { signal });
  }
}

const RACED: ReadonlySet<string> = new Set(['api-conflict', 'api-not-found']);
