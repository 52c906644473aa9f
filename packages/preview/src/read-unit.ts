import type { Checked, HelmRelease, KindRef, Kustomization, KubeObject, ObjectMeta } from '@plumb/api';
import {
  asPlumbError,
  checkHelmRelease,
  checkKustomization,
  HELM_RELEASE,
  KUSTOMIZATION,
  keyOf,
  ownMessages,
  say,
  userError,
} from '@plumb/api';
import { hashOf } from '@plumb/core';
import type { Cluster } from '@plumb/kube';

/** A kind of unit, and how one is checked and filled with defaults. */
export interface UnitKind<Unit> {
  kind: KindRef;
  check: (object: unknown) => Checked<Unit>;
}

export const KUSTOMIZATIONS: UnitKind<Kustomization> = { kind: KUSTOMIZATION, check: checkKustomization };
export const HELM_RELEASES: UnitKind<HelmRelease> = { kind: HELM_RELEASE, check: checkHelmRelease };

/** Which unit is meant. */
export interface UnitName {
  /** Empty where a file holds just one. */
  name: string;
  namespace: string;
}

/** The unit of this name among the objects of a file. @throws PlumbError `invalid-spec` */
export function unitAmong<Unit>(
  unitKind: UnitKind<Unit>,
  objects: readonly KubeObject[],
  { name, namespace }: UnitName,
  path: string,
): Unit {
  const { group, kind } = unitKind.kind;
  const all = objects.filter((object) => {
    const key = keyOf(object);
    return key.group === group && key.kind === kind;
  });
  const named = name === '' ? all : all.filter(({ metadata }) => metadata.name === name);
  const found = named[0];
  if (found === undefined)
    throw userError('invalid-spec', `${path} holds no ${kind}${name === '' ? '' : ` '${name}'`} of ${group}`);
  if (named.length > 1) {
    const names = named.map(({ metadata }) => metadata.name).join(', ');
    throw userError('invalid-spec', `${path} holds several ${kind}s (${names}): say which one`);
  }
  const metadata = { ...found.metadata, namespace: found.metadata.namespace ?? namespace };
  return checked(unitKind, { ...found, metadata });
}

/** @throws PlumbError `api-not-found` */
export async function liveUnit<Unit>(
  unitKind: UnitKind<Unit>,
  cluster: Cluster,
  { name, namespace }: UnitName,
  signal: AbortSignal,
): Promise<Unit> {
  const { kind } = unitKind;
  const found = await cluster.get({ ...kind, namespace, name }, { signal });
  if (found === null) throw userError('api-not-found', `there is no ${kind.kind} ${namespace}/${name} in the cluster`);
  return checked(unitKind, found);
}

/** What a unit of a file is completed with. */
interface Unit {
  metadata: ObjectMeta;
  spec: object;
  status?: object;
}

/**
 * A unit of a file with what the cluster knows of it: what it owns, and its generation, as it would be. One that is not there owns nothing.
 * @throws PlumbError when the cluster cannot tell
 */
export async function withLiveStatus<U extends Unit>(
  unitKind: UnitKind<U>,
  cluster: Cluster,
  unit: U,
  signal: AbortSignal,
): Promise<U> {
  const { name, namespace = '' } = unit.metadata;
  try {
    const { status, metadata, spec } = await liveUnit(unitKind, cluster, { name, namespace }, signal);
    const { uid, generation = 0 } = metadata;
    const next = hashOf(spec) === hashOf(unit.spec) ? generation : generation + 1;
    return {
      ...unit,
      metadata: { ...unit.metadata, ...(uid === undefined ? {} : { uid, generation: next }) },
      ...(status === undefined ? {} : { status }),
    };
  } catch (thrown) {
    if (asPlumbError(thrown).code === 'api-not-found') return unit;
    throw thrown;
  }
}

/** With defaults filled in, as the API server would. */
function checked<Unit>({ check }: UnitKind<Unit>, object: KubeObject): Unit {
  const result = check(object);
  if (result.ok) return result.value;
  throw userError('invalid-spec', `${object.metadata.name}: ${say(ownMessages.invalidSpec, result).text}`);
}
