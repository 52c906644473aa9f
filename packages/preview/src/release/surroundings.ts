import { apiVersionsOf, surroundingsOf as surroundingsIn, type Surroundings } from '@plumb/agent';
import type { KindRef, KubeObject } from '@plumb/api';
import { displayKey } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { KUBERNETES_KINDS, KUBERNETES_VERSION, type KnownKind } from './kubernetes.ts';

export interface SurroundingsRequest {
  /** As the identity that the release is made by; null: there is none to ask. */
  cluster: Cluster | null;
  /** In place of what the cluster says, or what is taken for granted without one; empty: neither. */
  kubeVersion: string;
  /** Beside all that is served: `monitoring.coreos.com/v1`, `monitoring.coreos.com/v1/ServiceMonitor`. */
  apiVersions: readonly string[];
  /** Objects of files: the kinds that definitions among them define are known. */
  given: readonly KubeObject[];
  signal: AbortSignal;
}

/** What a chart is rendered in. */
export interface Room {
  surroundings: Surroundings;
  /** What had to be taken for granted so far, a sentence each. `own`: kinds that the chart defines itself. */
  assumptions: (own: readonly KindRef[]) => string[];
}

/** What templates may ask of a cluster, or of what is taken for granted without one. @throws PlumbError as the Cluster port has it */
export async function roomOf(request: SurroundingsRequest): Promise<Room> {
  const { cluster, kubeVersion, apiVersions, signal } = request;
  const room = cluster === null ? withoutCluster(request) : inCluster(await surroundingsIn(cluster, signal));
  const { surroundings, assumptions } = room;
  return {
    surroundings: {
      ...surroundings,
      kubeVersion: kubeVersion === '' ? surroundings.kubeVersion : versionOf(kubeVersion),
      apiVersions: [...new Set([...surroundings.apiVersions, ...apiVersions])],
    },
    assumptions,
  };
}

/** As an API server tells it: `1.37` and `1.37.2` are given without the `v`. */
function versionOf(given: string): string {
  return given.startsWith('v') ? given : `v${given}`;
}

function inCluster(surroundings: Surroundings): Room {
  return { surroundings, assumptions: () => [] };
}

function withoutCluster({ given, kubeVersion }: SurroundingsRequest): Room {
  const kinds = [...KUBERNETES_KINDS, ...given.flatMap(kindsOf)];
  const strange = new Map<string, Pick<KindRef, 'group' | 'kind'>>();
  const missed = new Set<string>();
  const isNamespaced = ({ group, kind }: KindRef): Promise<boolean | null> => {
    const known = kinds.find((each) => each.group === group && each.kind === kind);
    if (known === undefined) strange.set(`${kind}.${group}`, { group, kind });
    return Promise.resolve(known?.namespaced ?? null);
  };
  const lookup: Surroundings['lookup'] = ({ kind, namespace, name }) => {
    missed.add(name === '' ? kind : displayKey({ kind, namespace, name }));
    return Promise.resolve(null);
  };
  const assumptions: Room['assumptions'] = (own) => [
    ...(kubeVersion === '' ? [`the cluster is Kubernetes ${KUBERNETES_VERSION} (--kube-version)`] : []),
    ...[...strange.values()]
      .filter(({ group, kind }) => !own.some((each) => each.group === group && each.kind === kind))
      .map(({ group, kind }) => `a ${kind} of ${group} is in a namespace`),
    ...[...missed].map((what) => `there is no ${what}, which the chart looks up`),
  ];
  const surroundings = { kubeVersion: KUBERNETES_VERSION, apiVersions: apiVersionsOf(kinds), isNamespaced, lookup };
  return { surroundings, assumptions };
}

/** The kinds that a definition defines. */
export function kindsOf(object: KubeObject): KnownKind[] {
  if (object.kind !== 'CustomResourceDefinition') return [];
  const { group = '', names = {}, scope, versions = [] } = (object['spec'] ?? {}) as Partial<DefinitionSpec>;
  const { kind } = names;
  if (kind === undefined) return [];
  return versions.flatMap(({ name, served }) =>
    served === false || name === undefined ? [] : [{ group, version: name, kind, namespaced: scope !== 'Cluster' }],
  );
}

interface DefinitionSpec {
  group: string;
  names: { kind?: string };
  scope: string;
  versions: { name?: string; served?: boolean }[];
}
