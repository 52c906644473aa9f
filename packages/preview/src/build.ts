import type { BuildContext, Reference } from '@plumb/agent';
import { buildBundle, Referenced, readReferences, referencesOf } from '@plumb/agent';
import type { Kustomization, KubeObject, UnitRef } from '@plumb/api';
import { userError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import type { Bundle, Renderer } from '@plumb/render';
import type { Artifact, RemoteBases } from '@plumb/sources';
import { Secrets } from './secrets.ts';

export interface BuildRequest {
  unit: Kustomization;
  artifact: Artifact;
  renderer: Renderer;
  /** Where the ConfigMaps and Secrets that the unit refers to are read; null: there are only the given ones. */
  cluster: Pick<Cluster, 'get'> | null;
  /** ConfigMaps and Secrets that take the place of those in the cluster. */
  given: readonly KubeObject[];
  /** Fetches remote bases; null: a build that names one fails. */
  remotes: RemoteBases | null;
  strictSubstitutions: boolean;
  decryption: BuildContext['decryption'];
  signal: AbortSignal;
}

export interface Built {
  unit: Kustomization;
  ref: UnitRef;
  bundle: Bundle;
  /** What must not be shown of it. */
  secrets: Secrets;
}

/** What the agent would apply for a unit, made by the same code. @throws PlumbError as the agent would tell it */
export async function buildUnit(request: BuildRequest): Promise<Built> {
  const { unit, artifact, renderer, remotes, strictSubstitutions, decryption, signal } = request;
  const { name, namespace = '' } = unit.metadata;
  const ref: UnitRef = { kind: 'Kustomization', namespace, name };
  const objects = await referredObjects(request, ref);
  const secrets = new Secrets();
  for (const object of objects.values()) if (object !== null) secrets.add(object);
  const referenced = new Referenced(objects);
  const context: BuildContext = { renderer, signal, referenced, remotes, strictSubstitutions, decryption };
  const bundle = await buildBundle(unit, ref, artifact, context);
  for (const { body } of bundle.objects) secrets.add(body);
  secrets.addTexts(bundle.secrets);
  return { unit, ref, bundle, secrets };
}

async function referredObjects(
  { unit, cluster, given, signal }: BuildRequest,
  ref: UnitRef,
): Promise<Map<string, KubeObject | null>> {
  const references = referencesOf(unit);
  const isGiven = ({ kind, name }: Reference): KubeObject | undefined =>
    given.find((object) => object.kind === kind && object.metadata.name === name);
  const missing = references.filter((reference) => isGiven(reference) === undefined);
  if (cluster === null) refuseUnknown(unit, missing);
  const read = cluster === null ? null : await readReferences(missing, ref.namespace, { cluster, signal });
  return new Map(
    references.map((reference) => {
      const { kind, name } = reference;
      return [`${kind}/${name}`, isGiven(reference) ?? read?.get(kind, name) ?? null];
    }),
  );
}

/** Without a cluster nobody knows whether an optional one is there: it counts as missing. */
function refuseUnknown({ spec }: Kustomization, missing: readonly Reference[]): void {
  const optional = (spec.postBuild?.substituteFrom ?? []).filter((from) => from.optional === true);
  const first = missing.find(({ kind, name }) => !optional.some((from) => from.kind === kind && from.name === name));
  if (first === undefined) return;
  const text = `the Kustomization refers to ${first.kind}/${first.name}, which is in the cluster: give it in a file (--with), or the cluster to read it from (--kubeconfig)`;
  throw userError('build-failed', text);
}
