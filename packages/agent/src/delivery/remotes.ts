import type { Kustomization, KubeObject } from '@plumb/api';
import { asPlumbError, PlumbError, userError } from '@plumb/api';
import { CloudClusters, readClusterConfig, type Clouds } from '@plumb/cloud';
import { remoteByToken, remoteOf, serverIn, type Cluster, type KubeconfigRules, type Remote } from '@plumb/kube';
import type { ConfigKind } from '../runtime/watched-configs.ts';
import type { UnitObject } from './unit-object.ts';

type KubeConfigReference = NonNullable<Kustomization['spec']['kubeConfig']>;

export interface RemotesOptions {
  /** Identities of the service accounts of the cluster the agent runs in. */
  clouds: Clouds;
  /** What kubeconfigs in Secrets may make the agent do. By default nothing but connect. */
  rules?: KubeconfigRules;
  /** The account for ConfigMaps that name none; undefined: the agent's own identity. */
  defaultAccount?: string | undefined;
}

interface Way {
  /** As the unit's replica may use it. */
  cluster: Pick<Cluster, 'get'>;
  signal: AbortSignal;
  /** The cluster does not answer where it was found last. */
  lost: boolean;
}

const STRICT: KubeconfigRules = { exec: false, insecureTls: false };
const KEYS = ['value', 'value.yaml'];

/** Finds the clusters that spec.kubeConfig refers to. What it refers to is in the unit's own namespace, and read for each run. */
export class Remotes {
  readonly #rules: KubeconfigRules;
  readonly #defaultAccount: string | undefined;
  readonly #clusters: CloudClusters;

  constructor({ clouds, rules = STRICT, defaultAccount }: RemotesOptions) {
    this.#rules = rules;
    this.#defaultAccount = defaultAccount;
    this.#clusters = new CloudClusters(clouds, serverIn);
  }

  /**
   * @throws PlumbError `api-not-found` when there is no such Secret or ConfigMap; what is wrong with it, or with the way to the cluster, never with a
   * value of a Secret
   */
  async find({ secretRef, configMapRef }: KubeConfigReference, namespace: string, way: Way): Promise<Remote> {
    if (secretRef !== undefined) return this.#bySecret(secretRef, namespace, way);
    return this.#byConfigMap(configMapRef?.name ?? '', namespace, way);
  }

  async #bySecret({ name, key }: { name: string; key?: string }, namespace: string, way: Way): Promise<Remote> {
    const place = `KubeConfig secret '${namespace}/${name}'`;
    const secret = await read('Secret', { namespace, name }, way);
    if (secret === null) throw notThere(`unable to read ${place} error: secrets "${name}" not found`);
    const data = (secret['data'] ?? {}) as Record<string, string>;
    const found = key ? data[key] : KEYS.map((usual) => data[usual]).find((value) => value !== undefined);
    if (found === undefined)
      throw userError('invalid-spec', `${place} does not contain a '${key || 'value'}' key with a kubeconfig`);
    try {
      return remoteOf(Buffer.from(found, 'base64').toString(), this.#rules);
    } catch (error) {
      throw within(`invalid KubeConfig in secret '${namespace}/${name}'`, error);
    }
  }

  async #byConfigMap(name: string, namespace: string, way: Way): Promise<Remote> {
    const place = `KubeConfig configmap '${namespace}/${name}'`;
    const map = await read('ConfigMap', { namespace, name }, way);
    if (map === null) throw notThere(`unable to read ${place} error: configmaps "${name}" not found`);
    try {
      const data = (map['data'] ?? {}) as Record<string, string>;
      const config = readClusterConfig(data, { namespace, account: this.#defaultAccount });
      const { address, ca, source } = await this.#clusters.reach(config, way.lost);
      return remoteByToken({ address, ca }, source);
    } catch (error) {
      throw within(place, error);
    }
  }
}

/** What a unit's spec.kubeConfig refers to; null for the cluster the agent runs in. */
export function kubeConfigReference({ spec }: Pick<UnitObject, 'spec'>): { kind: ConfigKind; name: string } | null {
  const { secretRef, configMapRef } = spec.kubeConfig ?? {};
  if (secretRef !== undefined) return { kind: 'Secret', name: secretRef.name };
  return configMapRef === undefined ? null : { kind: 'ConfigMap', name: configMapRef.name };
}

function read(
  kind: ConfigKind,
  { namespace, name }: { namespace: string; name: string },
  { cluster, signal }: Way,
): Promise<KubeObject | null> {
  return cluster.get({ group: '', version: 'v1', kind, namespace, name }, { signal });
}

function notThere(text: string): PlumbError {
  return new PlumbError('api-not-found', text, { fault: 'user', policy: 'retry' });
}

function within(place: string, thrown: unknown): PlumbError {
  const error = asPlumbError(thrown);
  const { code, message, fault, policy } = error;
  if (code === 'cancelled') return error;
  // What is missing beside it is no sign that it is missing itself.
  const kept = code === 'api-not-found' ? 'invalid-spec' : code;
  return new PlumbError(kept, `${place}: ${message}`, { fault, policy, cause: error });
}
