import type { KubeObject } from '@plumb/api';
import { FINALIZER, keyOf, PlumbError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';

export interface FinalizerContext {
  cluster: Cluster;
  fieldManager: string;
  signal: AbortSignal;
}

/** Takes in what the server answers: whoever writes the object next does so on the version that came of this. */
type Noting = FinalizerContext & { note: (object: KubeObject) => void };

const ATTEMPTS = 5;

/** Puts our finalizer on an object, beside those of others. Does nothing when it is there, or when the object is gone. */
export async function addFinalizer(object: KubeObject, context: Noting): Promise<void> {
  const changed = await change(object, context, (names) => (names.includes(FINALIZER) ? null : [...names, FINALIZER]));
  if (changed !== null) context.note(changed);
}

/** Takes our finalizer from an object, and leaves those of others. Does nothing when it is not there, or when the object is gone. */
export async function dropFinalizer(object: KubeObject, context: FinalizerContext): Promise<void> {
  await change(object, context, (names) =>
    names.includes(FINALIZER) ? names.filter((name) => name !== FINALIZER) : null,
  );
}

/**
 * The list is replaced as a whole, so it is sent with the version it was read at; another's write in between means reading again.
 * @returns the object after the change; null: there was nothing to change
 */
async function change(
  object: KubeObject,
  { cluster, fieldManager, signal }: FinalizerContext,
  next: (names: readonly string[]) => string[] | null,
): Promise<KubeObject | null> {
  const key = keyOf(object);
  let current: KubeObject | null = object;
  for (let attempt = 1; current !== null && current.metadata.uid === object.metadata.uid; attempt++) {
    const finalizers = next(current.metadata.finalizers ?? []);
    if (finalizers === null) return null;
    const { resourceVersion = '' } = current.metadata;
    try {
      const options = { type: 'merge', fieldManager, signal } as const;
      return await cluster.patch(key, { metadata: { finalizers, resourceVersion } }, options);
    } catch (thrown) {
      if (!(thrown instanceof PlumbError) || !RACED.has(thrown.code) || attempt === ATTEMPTS) throw thrown;
    }
    current = await cluster.get(key, { signal });
  }
  return null;
}

const RACED: ReadonlySet<string> = new Set(['api-conflict', 'api-not-found']);
