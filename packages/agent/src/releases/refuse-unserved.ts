import type { Bundle } from '@plumb/render';
import { asPlumbError, type ObjectKey } from '@plumb/api';
import { placeText, unserved } from '../delivery/apply-failures.ts';
import { definedKinds } from '../delivery/defined-kinds.ts';
import type { ActionContext } from './context.ts';

type Asking = Pick<ActionContext, 'cluster' | 'signal'>;

/**
 * A kind that the cluster does not serve, and no definition among the objects brings, is named before anything is stored: there is nothing to remedy
 * then (helm pkg/action/install.go builds the objects first, too).
 * @throws PlumbError `apply-failed`
 */
export async function refuseUnserved({ objects }: Pick<Bundle, 'objects'>, context: Asking): Promise<void> {
  const own = definedKinds(objects.map(({ body }) => body));
  const served = new Set<string>();
  for (const { key, origin } of objects) {
    const kind = `${key.group}/${key.version}/${key.kind}`;
    if (own.has(kind) || served.has(kind)) continue;
    if (!(await isServed(key, context))) throw unserved(key, placeText(origin));
    served.add(kind);
  }
}

/** The definition of a custom kind may have gone since the kind was looked up: only a request tells. */
async function isServed(key: ObjectKey, { cluster, signal }: Asking): Promise<boolean> {
  if ((await cluster.resource(key)) === null) return false;
  if (!isCustom(key)) return true;
  try {
    await cluster.get(key, { signal });
  } catch (thrown) {
    const error = asPlumbError(thrown);
    if (error.code === 'cancelled') throw error;
  }
  return (await cluster.resource(key)) !== null;
}

/** Groups of Kubernetes itself have no dot, or end like this. */
function isCustom({ group }: ObjectKey): boolean {
  return group.includes('.') && !group.endsWith('.k8s.io');
}
