import type { HelmRelease, KubeObject, ValuesReference } from '@plumb/api';
import { asPlumbError, printJson, userError } from '@plumb/api';
import type { Engine, HelmValuesLayer } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import type { Reference } from '../delivery/references.ts';
import { hideSecrets } from '../delivery/hide-secrets.ts';
import { kubeConfigReference } from '../delivery/remotes.ts';
import { ofEngine } from './engine-error.ts';
import { secretTexts } from './secret-texts.ts';

/** The values a release is to be made with. */
export interface Values {
  /** JSON. */
  json: string;
  /** As status.history has it. */
  digest: string;
  /** Texts in them that come from Secrets. */
  secrets: readonly string[];
}

interface Sources {
  cluster: Pick<Cluster, 'get'>;
  engine: Pick<Engine, 'helmValues'>;
  signal: AbortSignal;
}

const DEFAULT_KEY = 'values.yaml';
const MERGE = 30_000;

/** The ConfigMaps and Secrets of spec.valuesFrom, and what says which cluster the release goes to. */
export function configsOf(release: Pick<HelmRelease, 'spec'>): Reference[] {
  const named = (release.spec.valuesFrom ?? []).map(({ kind, name }): Reference => ({ kind, name }));
  const destination = kubeConfigReference(release);
  const all = destination === null ? named : [...named, destination];
  return [...new Map(all.map((reference) => [`${reference.kind}/${reference.name}`, reference])).values()];
}

/**
 * The values of spec.valuesFrom, in its order, over them those of spec.values, as Flux merges them (fluxcd/pkg chartutil). What it refers
 * to is read as the agent, in the release's own namespace.
 * @throws PlumbError `invalid-spec` that names the reference, never a value
 */
export async function valuesOf({ spec, metadata }: HelmRelease, sources: Sources): Promise<Values> {
  const namespace = metadata.namespace ?? '';
  const given = await readAll(spec.valuesFrom ?? [], namespace, sources);
  const layers = given.map(({ reference, text }): HelmValuesLayer => layerOf(reference, text));
  const secrets = secretsIn(given);
  const over = spec.values === undefined ? {} : { over: printJson(spec.values) };
  const { signal } = sources;
  const merged = await sources.engine
    .helmValues({ layers, ...over, deadline: MERGE, tenant: namespace, signal })
    .catch((error: unknown) => {
      throw ofEngine(error, secrets);
    });
  if ('json' in merged) return { ...merged, secrets };
  const culprit = given[merged.layer]?.reference;
  const where = culprit === undefined ? 'spec.values' : nameOf(culprit, namespace);
  throw hideSecrets(userError('invalid-spec', `could not merge values of ${where}: ${merged.error}`), secrets);
}

/** The texts that must not be shown of what was made with the values: for who has no use for the values themselves. */
export async function secretsOf({ spec, metadata }: HelmRelease, sources: Omit<Sources, 'engine'>): Promise<string[]> {
  const references = (spec.valuesFrom ?? []).filter(isSecret);
  return secretsIn(await readAll(references, metadata.namespace ?? '', sources));
}

/** Whether a value of any object may come from a Secret. */
export function takesSecrets({ spec }: Pick<HelmRelease, 'spec'>): boolean {
  return (spec.valuesFrom ?? []).some(isSecret);
}

function isSecret({ kind }: ValuesReference): boolean {
  return kind === 'Secret';
}

interface Given {
  reference: ValuesReference;
  text: string;
}

function secretsIn(given: readonly Given[]): string[] {
  return [
    ...new Set(
      given.flatMap(({ reference, text }) =>
        isSecret(reference) ? secretTexts(text, reference.targetPath === undefined) : [],
      ),
    ),
  ];
}

/** What is there of these. */
async function readAll(
  references: readonly ValuesReference[],
  namespace: string,
  sources: Omit<Sources, 'engine'>,
): Promise<Given[]> {
  const found = await Promise.all(references.map((reference) => read(reference, namespace, sources)));
  return references.flatMap((reference, index) => {
    const text = found[index] ?? null;
    return text === null ? [] : [{ reference, text }];
  });
}

function layerOf({ targetPath, literal = false }: ValuesReference, text: string): HelmValuesLayer {
  return targetPath === undefined ? { yaml: text } : { path: targetPath, value: text, literal };
}

function nameOf({ kind, name, valuesKey = DEFAULT_KEY }: ValuesReference, namespace: string): string {
  return `${kind} chart values reference '${namespace}/${name}' with key '${valuesKey}'`;
}

/** @returns null for an optional one that is not there */
async function read(
  reference: ValuesReference,
  namespace: string,
  { cluster, signal }: Omit<Sources, 'engine'>,
): Promise<string | null> {
  const { kind, name, valuesKey = DEFAULT_KEY, optional = false } = reference;
  const unresolved = `could not resolve ${nameOf(reference, namespace)}`;
  let object: KubeObject | null;
  try {
    object = await cluster.get({ group: '', version: 'v1', kind, namespace, name }, { signal });
  } catch (thrown) {
    const error = asPlumbError(thrown);
    if (error.code === 'cancelled' || error.fault === 'system') throw error;
    throw userError('invalid-spec', `${unresolved}: ${error.message}`, thrown);
  }
  const text = object === null ? undefined : textAt(object, valuesKey);
  if (text !== undefined) return text;
  if (optional) return null;
  throw userError('invalid-spec', `${unresolved}: ${object === null ? 'not found' : `missing key '${valuesKey}'`}`);
}

function textAt(object: KubeObject, key: string): string | undefined {
  const texts = (object['data'] ?? {}) as Record<string, string>;
  const text = Object.hasOwn(texts, key) ? texts[key] : undefined;
  return text === undefined || object.kind !== 'Secret' ? text : Buffer.from(text, 'base64').toString();
}
