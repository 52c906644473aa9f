import type { Kustomization, KubeObject } from '@plumb/api';
import { asPlumbError, checkKustomization, KUSTOMIZATION, keyOf, ownMessages, say, userError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';

/** Which Kustomization is meant. */
export interface UnitName {
  /** Empty where a file holds just one. */
  name: string;
  namespace: string;
}

/** The Kustomization of this name among the objects of a file. @throws PlumbError `invalid-spec` */
export function unitAmong(objects: readonly KubeObject[], { name, namespace }: UnitName, path: string): Kustomization {
  const { group, kind } = KUSTOMIZATION;
  const all = objects.filter((object) => {
    const key = keyOf(object);
    return key.group === group && key.kind === kind;
  });
  const named = name === '' ? all : all.filter(({ metadata }) => metadata.name === name);
  const found = named[0];
  if (found === undefined)
    throw userError('invalid-spec', `${path} holds no Kustomization${name === '' ? '' : ` '${name}'`} of ${group}`);
  if (named.length > 1) {
    const names = named.map(({ metadata }) => metadata.name).join(', ');
    throw userError('invalid-spec', `${path} holds several Kustomizations (${names}): say which one`);
  }
  return checked({ ...found, metadata: { ...found.metadata, namespace: found.metadata.namespace ?? namespace } });
}

/** @throws PlumbError `api-not-found` */
export async function liveUnit(
  cluster: Cluster,
  { name, namespace }: UnitName,
  signal: AbortSignal,
): Promise<Kustomization> {
  const found = await cluster.get({ ...KUSTOMIZATION, namespace, name }, { signal });
  if (found === null) throw userError('api-not-found', `there is no Kustomization ${namespace}/${name} in the cluster`);
  return checked(found);
}

/**
 * A unit of a file with what the cluster knows of it: what it owns. One that is not there owns nothing.
 * @throws PlumbError when the cluster cannot tell
 */
export async function withLiveStatus(
  cluster: Cluster,
  unit: Kustomization,
  signal: AbortSignal,
): Promise<Kustomization> {
  const { name, namespace = '' } = unit.metadata;
  try {
    const { status } = await liveUnit(cluster, { name, namespace }, signal);
    return status === undefined ? unit : { ...unit, status };
  } catch (thrown) {
    if (asPlumbError(thrown).code === 'api-not-found') return unit;
    throw thrown;
  }
}

/** With defaults filled in, as the API server would. */
function checked(object: KubeObject): Kustomization {
  const result = checkKustomization(object);
  if (result.ok) return result.value;
  throw userError('invalid-spec', `${object.metadata.name}: ${say(ownMessages.invalidSpec, result).text}`);
}
