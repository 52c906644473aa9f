import { type Chart, type DesiredRelease, isSecret, releaseValuesOf, type Secrets, wantedOf } from '@plumb/agent';
import type { HelmRelease, KubeObject, ObjectKey, UnitRef } from '@plumb/api';
import { keyId, userError } from '@plumb/api';
import type { Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import { isEncryptedSecret } from '@plumb/render';
import { givenFor, WHERE_TO_READ } from '../given.ts';
import { leavesOf, withOthers, type Leaf, type Others } from './other-values.ts';

export interface DeclareRequest {
  release: HelmRelease;
  chart: Chart;
  engine: Engine;
  /** Where the ConfigMaps and Secrets of spec.valuesFrom are read; null: there are only the given ones. */
  cluster: Pick<Cluster, 'get'> | null;
  /** ConfigMaps and Secrets that take the place of those in the cluster. */
  given: readonly KubeObject[];
  /** Learns what must not be shown. */
  secrets: Secrets;
  signal: AbortSignal;
}

/** A release with its chart and its values. */
export interface DeclaredRelease {
  release: HelmRelease;
  ref: UnitRef;
  desired: DesiredRelease;
  secrets: Secrets;
  /** Values that come from Secrets. */
  leaves: readonly Leaf[];
  /** The same with other values in the Secrets. @throws PlumbError where these cannot be merged */
  otherwise: (others: Others) => Promise<DesiredRelease>;
}

/** Resolves the values of a release as the agent does. @throws PlumbError as the agent would tell it */
export async function declareRelease(request: DeclareRequest): Promise<DeclaredRelease> {
  const { release, chart, engine, secrets, signal } = request;
  const { name, namespace = '' } = release.metadata;
  const read = new Map<string, KubeObject>();
  const valuesWith = async (change: (object: KubeObject) => KubeObject): Promise<DesiredRelease> => {
    const get = async (key: ObjectKey): Promise<KubeObject | null> => {
      const object = read.get(keyId(key)) ?? (await find(key, request));
      if (object !== null) read.set(keyId(key), object);
      return object === null ? null : change(object);
    };
    const values = await releaseValuesOf(release, { cluster: { get }, engine, signal });
    return { chart, values, wanted: wantedOf(release, chart, values.digest) };
  };
  const desired = await valuesWith((object) => object);
  for (const object of read.values()) secrets.add(object);
  const leaves = leavesOf(release, [...read.values()].filter(isSecret));
  secrets.addTexts(leaves.flatMap(({ text }) => (typeof text === 'string' ? [text] : [])));
  return {
    release,
    ref: { kind: release.kind, namespace, name },
    desired,
    secrets,
    leaves,
    otherwise: (others) => valuesWith((object) => (isSecret(object) ? withOthers(object, leaves, others) : object)),
  };
}

/** Without a cluster nobody knows whether an optional one is there: it counts as missing. */
async function find(key: ObjectKey, { release, cluster, given, signal }: DeclareRequest): Promise<KubeObject | null> {
  const { kind, namespace, name } = key;
  const found = givenFor(given, { kind, namespace, name });
  if (found !== undefined && isEncryptedSecret(found)) throw userError('invalid-spec', ENCRYPTED);
  if (found !== undefined) return found;
  if (cluster !== null) return cluster.get(key, { signal });
  const references = (release.spec.valuesFrom ?? []).filter((one) => one.kind === kind && one.name === name);
  if (references.every(({ optional }) => optional === true)) return null;
  throw userError('invalid-spec', `it ${WHERE_TO_READ}`);
}

const ENCRYPTED =
  'it is encrypted in the file that was given: give it as sops decrypts it (--with <(sops --decrypt secret.yaml) writes it nowhere)';
