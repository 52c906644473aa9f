import type { Bundle } from '@plumb/render';
import { placeText, unserved } from '../delivery/apply-failures.ts';
import { definedKinds } from '../delivery/defined-kinds.ts';
import type { ActionContext } from './context.ts';

/**
 * A kind that the cluster does not serve, and no definition among the objects brings, is named before anything is stored: there is nothing to remedy
 * then (helm pkg/action/install.go builds the objects first, too).
 * @throws PlumbError `apply-failed`
 */
export async function refuseUnserved(
  { objects }: Pick<Bundle, 'objects'>,
  { cluster }: Pick<ActionContext, 'cluster'>,
): Promise<void> {
  const own = definedKinds(objects.map(({ body }) => body));
  for (const { key, origin } of objects) {
    const isOwn = own.has(`${key.group}/${key.version}/${key.kind}`);
    if (!isOwn && (await cluster.resource(key)) === null) throw unserved(key, placeText(origin));
  }
}
