import { createHash } from 'node:crypto';
import type { Kustomization, UnitRef } from '@plumb/api';
import { displayKey, parseDuration, printJson, systemError, userError } from '@plumb/api';
import { ownerLabels } from '@plumb/core';
import type { Bundle, BuildOptions, BuildSpec, Remotes, Renderer } from '@plumb/render';
import { isEncryptedSecret, mayMove } from '@plumb/render';
import type { Artifact, RemoteBases } from '@plumb/sources';
import { broughtConfigs, valuesOf } from './brought.ts';
import type { Decryption } from './decryption/decryption.ts';
import { hideSecrets } from './hide-secrets.ts';
import type { Referenced } from './references.ts';
import type { Seal } from './seal.ts';
import { substitutionOf } from './substitution.ts';
import type { StoredBundle } from './unit.ts';
import { refill, storeBundle } from './unit.ts';

/** What a build takes beside the artifact and the spec. */
export interface BuildContext {
  renderer: Renderer;
  signal: AbortSignal;
  /** The ConfigMaps and Secrets the unit refers to, as they were read for this run. */
  referenced: Referenced;
  /** A variable that is not there and has no default fails the build. */
  strictSubstitutions: boolean;
  decryption: Pick<Decryption, 'of'>;
  /** Fetches remote bases; null: a build that names one fails. */
  remotes: RemoteBases | null;
}

export interface PrepareContext extends BuildContext {
  /** The bundle delivered last, which stands if nothing it was made from changed. */
  last: StoredBundle | null;
  seal: Seal;
}

/** Artifact, spec and configuration to Bundle; the last bundle is taken again when everything it was made from is unchanged. */
export async function prepare(
  unit: Kustomization,
  ref: UnitRef,
  artifact: Artifact,
  context: PrepareContext,
): Promise<StoredBundle> {
  const { last, renderer, referenced, remotes: bases } = context;
  const specDigest = digestOf(unit, ref);
  const { versions: configs } = referenced;
  const values = await valuesOf(unit, referenced, context.seal);
  const brings = broughtConfigs(unit, referenced);
  const stamp = { specDigest, configs, values, brings, revision: artifact.revision, artifactDigest: artifact.digest };
  const found = last === null ? {} : { last: last.reads.remotes };
  const remotes = bases === null ? undefined : { bases, since: performance.now(), ...found };
  if (last !== null && last.specDigest === specDigest && last.configs === configs) {
    const same = last.artifactDigest === artifact.digest && last.reads.remotes.length === 0;
    if (same || (await renderer.unchanged(last.reads, artifact, boundsOf(unit, { ...context, remotes }))))
      return { ...last, ...stamp };
  }
  return storeBundle(await buildWith(unit, ref, artifact, { ...context, remotes }), stamp);
}

/** The objects a unit declares in an artifact. @throws PlumbError as Renderer.build, and for what must not reach a cluster */
export function buildBundle(
  unit: Kustomization,
  ref: UnitRef,
  artifact: Artifact,
  context: BuildContext,
): Promise<Bundle> {
  const { remotes: bases } = context;
  const remotes = bases === null ? undefined : { bases, since: performance.now() };
  return buildWith(unit, ref, artifact, { ...context, remotes });
}

type WithRemotes = Omit<BuildContext, 'remotes'> & { remotes: Remotes | undefined };

async function buildWith(unit: Kustomization, ref: UnitRef, artifact: Artifact, context: WithRemotes): Promise<Bundle> {
  const { renderer, referenced, strictSubstitutions, decryption } = context;
  const bounds = boundsOf(unit, context);
  const decrypt = decryption.of(unit, referenced, bounds);
  const substitution = substitutionOf(unit, referenced, strictSubstitutions);
  const options = { ...bounds, ...(decrypt && { decrypt }), ...(substitution && { substitution }) };
  const bundle = await renderer.build(artifact, buildSpecOf(unit, ref), options);
  refuseEncrypted(bundle, unit);
  return bundle;
}

type Bounds = Pick<WithRemotes, 'signal' | 'remotes'>;

function boundsOf(unit: Kustomization, { signal, remotes }: Bounds): BuildOptions & Bounds {
  return { deadline: timeoutOf(unit), tenant: unit.metadata.namespace ?? '', signal, remotes };
}

/** Whether a bundle was found valid for this very artifact, spec and configuration: then nothing need be opened to say so again. */
export function stands(
  bundle: StoredBundle,
  unit: Kustomization,
  ref: UnitRef,
  now: { revision: string; digest: string; configs: string; remotes: RemoteBases | null },
): boolean {
  const { remotes } = bundle.reads;
  // What may be other content by now is asked for at each run.
  const same =
    bundle.revision === now.revision &&
    bundle.artifactDigest === now.digest &&
    (remotes.length === 0 || (now.remotes !== null && !mayMove(bundle.reads)));
  return same && bundle.configs === now.configs && bundle.specDigest === digestOf(unit, ref);
}

/** Over all of the spec that a bundle depends on. */
function digestOf(unit: Kustomization, ref: UnitRef): string {
  const { postBuild, decryption } = unit.spec;
  const parts = { ...buildSpecOf(unit, ref), ...(postBuild && { postBuild }), ...(decryption && { decryption }) };
  return createHash('sha256').update(printJson(parts)).digest('hex');
}

/**
 * Brings the bodies of the last bundle back into memory: it is built again from an artifact it stands for.
 * @throws PlumbError `internal` when it comes out different
 */
export async function reload(
  unit: Kustomization,
  ref: UnitRef,
  artifact: Artifact,
  context: PrepareContext & { last: StoredBundle },
): Promise<void> {
  const { last, remotes: bases, referenced } = context;
  const remotes =
    bases === null ? undefined : { bases, since: performance.now(), last: last.reads.remotes, asLast: true };
  const again = await buildWith(unit, ref, artifact, { ...context, remotes });
  const { specDigest, revision, artifactDigest } = last;
  const stamp = { specDigest, configs: referenced.versions, revision, artifactDigest };
  if (refill(last, storeBundle(again, stamp))) return;
  throw systemError(
    'internal',
    'the objects were built otherwise than the last time; what is declared now comes first',
  );
}

/** spec.timeout; without it 30 s less than the interval, and 30 s at least (kustomize-controller). Milliseconds. */
export function timeoutOf({ spec }: Kustomization): number {
  if (spec.timeout !== undefined) return parseDuration(spec.timeout);
  return Math.max(30_000, parseDuration(spec.interval) - 30_000);
}

function buildSpecOf({ spec }: Kustomization, ref: UnitRef): BuildSpec {
  const { targetNamespace, namePrefix, nameSuffix, commonMetadata, ignoreMissingComponents } = spec;
  const { buildMetadata = [], ignore = [] } = spec;
  return {
    path: spec.path ?? '',
    components: spec.components ?? [],
    patches: spec.patches ?? [],
    images: spec.images ?? [],
    ownerLabels: ownerLabels(ref),
    ...(ignoreMissingComponents === true ? { ignoreMissingComponents } : {}),
    ...(buildMetadata.length === 0 ? {} : { buildMetadata }),
    ...(ignore.length === 0 ? {} : { ignore }),
    ...(targetNamespace === undefined ? {} : { targetNamespace }),
    ...(namePrefix === undefined ? {} : { namePrefix }),
    ...(nameSuffix === undefined ? {} : { nameSuffix }),
    ...(commonMetadata === undefined ? {} : { commonMetadata }),
  };
}

/** A Secret that is still encrypted must not reach the cluster: its readers would take the cipher text for the secret. */
function refuseEncrypted(bundle: Bundle, { spec }: Kustomization): void {
  const found = bundle.objects.find(({ body }) => isEncryptedSecret(body));
  if (found === undefined) return;
  const name = displayKey(found.key);
  const text =
    spec.decryption === undefined
      ? `${name} is SOPS encrypted, configuring decryption is required for this secret to be reconciled`
      : `${name} (${found.origin.path}) holds values that are SOPS encrypted still: encrypt it in place, as a document of its own`;
  throw hideSecrets(userError('apply-failed', text), bundle.secrets);
}
