import { Secrets } from '@plumb/agent';
import { createHash } from 'node:crypto';
import {
  asPlumbError,
  displayKey,
  type HelmRelease,
  type Kustomization,
  type KubeObject,
  type UnitRef,
} from '@plumb/api';
import { hashOf } from '@plumb/core';
import type { Bundle, Desired } from '@plumb/render';
import type { LocalArtifact } from '@plumb/sources';
import { buildUnit } from '../build.ts';
import { sourceOf } from '../gates/subject.ts';
import { givenFor } from '../given.ts';
import { HELM_RELEASES, KUSTOMIZATIONS, unitAmong, type UnitKind } from '../read-unit.ts';
import { buildAfresh, hookKey, type HookObject } from '../release/build-release.ts';
import { loadChart } from '../release/chart-place.ts';
import { declareRelease } from '../release/declare.ts';
import { roomOf } from '../release/surroundings.ts';
import { refuseIncluded, type UnitSource } from '../source.ts';
import { unitId, type DeclaredUnit, type Part } from './parts.ts';
import type { RepositoryTools } from './read-repository.ts';
import { plainPath, type Candidate } from './roots.ts';

/** What a unit is made of that is not on this machine. */
export class NotHere extends Error {}

/** Where units are built. */
export interface Site {
  root: string;
  revision: string;
  /** Objects that a cluster would have. */
  given: readonly KubeObject[];
  tools: RepositoryTools;
  read: (source: UnitRef) => Promise<UnitSource>;
  open: (source: UnitSource) => Promise<LocalArtifact>;
  /** Whether this repository is what a source offers. */
  standsFor: (source: UnitRef) => boolean;
}

export interface BuiltDeclared {
  unit: DeclaredUnit;
  /** Paths in the repository. */
  reads: readonly string[];
  /** What is to be said of its source, a sentence each. */
  sourceNotes: readonly string[];
}

/** A ConfigMap or Secret that a unit is made with. */
export interface Want {
  text: string;
  optional: boolean;
  findIn: (objects: readonly KubeObject[]) => KubeObject | undefined;
}

/** What a unit is made with beside its source, as far as it says so; keys are no part of that. */
export function wantsOf({ kind, metadata, spec }: KubeObject): Want[] {
  const { postBuild, valuesFrom } = (spec ?? {}) as {
    postBuild?: { substituteFrom?: unknown };
    valuesFrom?: unknown;
  };
  const named = kind === 'Kustomization' ? postBuild?.substituteFrom : valuesFrom;
  const { namespace = '' } = metadata;
  return (Array.isArray(named) ? (named as { kind: string; name: string; optional?: boolean }[]) : []).map((one) => {
    const ref = { kind: one.kind, namespace, name: one.name };
    return {
      text: displayKey(ref),
      optional: one.optional === true,
      findIn: (objects) => givenFor(objects, ref),
    };
  });
}

/** Builds a unit as the agent would. @throws NotHere; PlumbError as the agent would tell it */
export async function buildDeclared(candidate: Candidate, site: Site): Promise<BuiltDeclared> {
  const lacks = wantsOf(candidate.object).filter(
    ({ optional, findIn }) => !optional && findIn(site.given) === undefined,
  );
  if (lacks.length > 0) {
    const what = lacks.map(({ text }) => text).join(' and ');
    throw new NotHere(`it is made with ${what}, which nothing here declares: give it in a file (--with)`);
  }
  const { ref } = candidate;
  if (ref.kind === 'Kustomization') return buildKustomization(checked(KUSTOMIZATIONS, candidate), ref, site);
  return buildRelease(checked(HELM_RELEASES, candidate), ref, site);
}

function checked<Unit>(kind: UnitKind<Unit>, { ref, object, path }: Candidate): Unit {
  return unitAmong(kind, [object], ref, path ?? unitId(ref));
}

async function buildKustomization(unit: Kustomization, ref: DeclaredUnit['ref'], site: Site): Promise<BuiltDeclared> {
  const { tools, given } = site;
  const from = sourceOf(unit);
  if (!site.standsFor(from)) throw new NotHere(`its files come from ${displayKey(from)}, which is not looked at`);
  const source = await site.read(from);
  const artifact = await site.open(source);
  const folder = unit.spec.path ?? './';
  await refuseIncluded(folder, source, artifact).catch((thrown: unknown) => {
    throw new NotHere(asPlumbError(thrown).message);
  });
  if ((await artifact.tree.id(plainPath(folder))) === null)
    throw new NotHere(`its folder '${folder}' of ${displayKey(from)} is not in this repository`);
  const { renderer, decryption, remotes, signal } = tools;
  const common = { unit, artifact, renderer, given, remotes, decryption, signal };
  const { bundle, secrets } = await buildUnit({ ...common, cluster: null, strictSubstitutions: true });
  const notes = [...bundle.warnings.map((warning) => secrets.message(warning)), ...closedNote(unit, given)];
  const declared = { ref, unit, objects: bundle.objects.map(partOf), hooks: [], definitions: [] };
  return {
    unit: { ...declared, authorless: authorlessOf(bundle, source), digest: bundle.digest, secrets, notes },
    reads: [...bundle.reads.ids.keys()],
    sourceNotes: source.notes,
  };
}

function authorlessOf({ reads }: Bundle, { included }: UnitSource): string | null {
  if (reads.remotes.length > 0) return 'it is made of remote bases too, of which they are not looked up';
  return included.length > 0 ? 'its GitRepository includes others, of which they are not looked up' : null;
}

/** Without keys, masks stand in place of what is encrypted. */
function closedNote({ spec, metadata }: Kustomization, given: readonly KubeObject[]): string[] {
  const { decryption } = spec;
  if (decryption === undefined) return [];
  const named = { kind: 'Secret', namespace: metadata.namespace ?? '', name: decryption.secretRef?.name ?? '' };
  if (decryption.secretRef !== undefined && givenFor(given, named) !== undefined) return [];
  return ['what its files have encrypted is masked here, and rules are judged with the masks: give its keys (--with)'];
}

function partOf({ key, body, origin, digest }: Desired): Part {
  return { key, body, path: origin.path, digest };
}

async function buildRelease(release: HelmRelease, ref: DeclaredUnit['ref'], site: Site): Promise<BuiltDeclared> {
  const { tools, given, root: folder, revision } = site;
  const { engine, downloads, kubeVersion, env, signal } = tools;
  const { chart: declaredChart } = release.spec;
  const own = release.metadata.namespace ?? '';
  const from = declaredChart === undefined ? sourceOf(release) : { namespace: own, ...declaredChart.spec.sourceRef };
  if (from.kind !== 'GitRepository' || !site.standsFor(from))
    throw new NotHere(`its chart comes from ${displayKey(from)}, which is not asked`);
  const common = { release, cluster: null, engine, given, signal };
  const { chart, notes } = await loadChart({ ...common, chartPath: '', folder, revision, downloads, env }).catch(
    missing,
  );
  const secrets = new Secrets();
  const declared = await declareRelease({ ...common, chart, secrets });
  const room = await roomOf({ cluster: null, kubeVersion, apiVersions: [], given, signal });
  const built = await buildAfresh({ declared, isUpgrade: false, room, engine, signal });
  const parts = {
    objects: built.rendered.bundle.objects.map(partOf),
    hooks: built.hooks.map(hookPart),
    definitions: built.definitions.map(partOf),
  };
  const digests = [...Object.values(parts).map((some) => some.map(({ digest }) => digest)), declared.desired.wanted];
  const unit: DeclaredUnit = {
    ref,
    unit: release,
    ...parts,
    authorless: `an artifact of the kind ${sourceOf(release).kind} does not tell`,
    digest: createHash('sha256').update(JSON.stringify(digests)).digest('hex'),
    secrets,
    notes: [...built.warnings, ...built.assumptions.map((one) => `it is taken for granted that ${one}`)],
  };
  return { unit, reads: [], sourceNotes: notes };
}

function missing(thrown: unknown): never {
  const error = asPlumbError(thrown);
  if (error.code === 'invalid-path') throw new NotHere(error.message);
  throw error;
}

function hookPart({ hook, body }: HookObject): Part {
  return { key: hookKey(body), body, path: hook.path, digest: hashOf(body) };
}
