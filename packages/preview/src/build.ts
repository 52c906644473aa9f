import {
  buildBundle,
  type BuildContext,
  readReferences,
  type Reference,
  Referenced,
  referencesOf,
  Secrets,
} from '@plumb/agent';
import type { Kustomization, KubeObject, UnitRef } from '@plumb/api';
import { asPlumbError, displayKey, userError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import type { Bundle, Renderer } from '@plumb/render';
import type { Artifact, RemoteBases } from '@plumb/sources';
import { givenFor, WHERE_TO_READ } from './given.ts';
import { leftClosed } from './left-closed.ts';
import { withStandIns } from './stand-in.ts';

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
  const { unit, artifact, renderer, remotes, strictSubstitutions, signal } = request;
  const { name, namespace = '' } = unit.metadata;
  const ref: UnitRef = { kind: 'Kustomization', namespace, name };
  const objects = await referredObjects(request, ref);
  const secrets = new Secrets();
  for (const object of objects.values()) if (object !== null) secrets.add(object);
  const referenced = new Referenced(objects);
  const decryption = hasKeys(request, objects) ? request.decryption : leftClosed;
  const context: BuildContext = { renderer, signal, referenced, remotes, strictSubstitutions, decryption };
  const bundle = await buildBundle(unit, ref, artifact, context).catch((error: unknown) => {
    throw secrets.error(asPlumbError(error));
  });
  for (const { body } of bundle.objects) secrets.add(body);
  secrets.addTexts(bundle.secrets);
  const others = await buildOtherwise(request, { ref, context, objects });
  if (others !== null) secrets.compare(bundle.objects, others.objects);
  return { unit, ref, bundle, secrets };
}

/** Without a cluster there are no keys but those that were given. */
function hasKeys({ unit, cluster }: BuildRequest, objects: ReadonlyMap<string, KubeObject | null>): boolean {
  if (cluster !== null) return true;
  const name = unit.spec.decryption?.secretRef?.name;
  return name !== undefined && (objects.get(`Secret/${name}`) ?? null) !== null;
}

interface Made {
  ref: UnitRef;
  context: BuildContext;
  objects: ReadonlyMap<string, KubeObject | null>;
}

/**
 * The same build with other values in the Secrets that variables are taken from; where these cannot be put in, without any variable.
 * @returns null for a unit that takes none from a Secret
 */
async function buildOtherwise(
  { unit, artifact }: BuildRequest,
  { ref, context, objects }: Made,
): Promise<Bundle | null> {
  const from = new Set((unit.spec.postBuild?.substituteFrom ?? []).map(({ kind, name }) => `${kind}/${name}`));
  const others = new Map(
    [...objects].map(([id, object]) => {
      const isUsed = object !== null && object.kind === 'Secret' && from.has(id);
      return [id, isUsed ? withStandIns(object) : object] as const;
    }),
  );
  if (![...others].some(([id, object]) => object !== objects.get(id))) return null;
  // Keys stay as they are, where one Secret holds both.
  const { decryption, referenced } = context;
  const sameKeys: BuildContext['decryption'] = { of: (of, _, limits) => decryption.of(of, referenced, limits) };
  const otherwise = { ...context, referenced: new Referenced(others), decryption: sameKeys };
  try {
    return await buildBundle(unit, ref, artifact, otherwise);
  } catch (thrown) {
    if (asPlumbError(thrown).code === 'cancelled') throw thrown;
    const { postBuild: _, ...bare } = unit.spec;
    return buildBundle({ ...unit, spec: bare }, ref, artifact, otherwise);
  }
}

async function referredObjects(
  { unit, cluster, given, signal }: BuildRequest,
  ref: UnitRef,
): Promise<Map<string, KubeObject | null>> {
  const references = referencesOf(unit);
  const isGiven = ({ kind, name }: Reference): KubeObject | undefined =>
    givenFor(given, { kind, namespace: ref.namespace, name });
  const missing = references.filter((reference) => isGiven(reference) === undefined);
  if (cluster === null) refuseUnknown(unit, { missing, namespace: ref.namespace });
  const read = cluster === null ? null : await readReferences(missing, ref.namespace, { cluster, signal });
  return new Map(
    references.map((reference) => {
      const { kind, name } = reference;
      return [`${kind}/${name}`, isGiven(reference) ?? read?.get(kind, name) ?? null];
    }),
  );
}

/** Without a cluster nobody knows whether an optional one is there: it counts as missing. Keys are needed for nothing but to decrypt. */
function refuseUnknown(
  { spec }: Kustomization,
  { missing, namespace }: { missing: readonly Reference[]; namespace: string },
): void {
  const needed = (spec.postBuild?.substituteFrom ?? []).filter(({ optional }) => optional !== true);
  const first = missing.find(({ kind, name }) => needed.some((from) => from.kind === kind && from.name === name));
  if (first === undefined) return;
  throw userError(
    'build-failed',
    `the Kustomization refers to ${displayKey({ ...first, namespace })}, which ${WHERE_TO_READ}`,
  );
}
