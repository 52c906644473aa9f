import type { GitRepository, KubeObject, UnitRef } from '@plumb/api';
import { checkGitRepository, displayKey, GIT_REPOSITORY, keyOf, ownMessages, say, userError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import type { Artifact } from '@plumb/sources';
import { isMeant } from './given.ts';

/** A folder that a source fills with content of another repository. */
export interface Included {
  repository: string;
  toPath: string;
}

/** What a unit is built from, as far as its object tells. */
export interface UnitSource {
  ref: UnitRef;
  /** What of the repository is offered. */
  content: { ignore?: string; sparse?: readonly string[] };
  /** Folders that nothing on this machine is taken for. */
  included: readonly Included[];
  /** What is to be said of it, a sentence each. */
  notes: readonly string[];
}

export interface SourceRequest {
  /** The source, by its full name. */
  ref: UnitRef;
  /** Objects of files: they take the place of those in the cluster. */
  given: readonly KubeObject[];
  cluster: Pick<Cluster, 'get' | 'resource'> | null;
  signal: AbortSignal;
}

/**
 * Reads what a source puts into its artifact. One that nobody has counts as one without settings, and so does one that is no GitRepository.
 * @throws PlumbError `invalid-spec`, and as the Cluster port has it
 */
export async function readUnitSource(request: SourceRequest): Promise<UnitSource> {
  const { ref } = request;
  if (ref.kind !== GIT_REPOSITORY.kind) return { ref, content: {}, included: [], notes: [] };
  const source = await find(ref, request);
  if (source === null) return { ref, content: {}, included: [], notes: [unknownNote(ref)] };
  const { ignore, sparseCheckout: sparse = [], include = [] } = source.spec;
  const included = include.map(({ repository: { name: repository }, toPath }) => ({
    repository,
    toPath: toPath ? toPath : repository,
  }));
  const content = { sparse, ...(ignore !== undefined && { ignore }) };
  return { ref, content, included, notes: included.map((one) => includeNote(ref, one)) };
}

async function find(ref: UnitRef, { given, cluster, signal }: SourceRequest): Promise<GitRepository | null> {
  const declared = given.find((object) => keyOf(object).group === GIT_REPOSITORY.group && isMeant(object, ref));
  const key = { ...GIT_REPOSITORY, namespace: ref.namespace, name: ref.name };
  const isServed = declared === undefined && cluster !== null && (await cluster.resource(key)) !== null;
  const found = declared ?? (isServed ? await cluster.get(key, { signal }) : null);
  if (found === null) return null;
  const result = checkGitRepository(found);
  if (result.ok) return result.value;
  throw userError('invalid-spec', `${displayKey(ref)}: ${say(ownMessages.invalidSpec, result).text}`);
}

function unknownNote(ref: UnitRef): string {
  return `${displayKey(ref)} is in no file that was given (--with) and in no cluster: what it leaves out (spec.ignore, spec.sparseCheckout) and includes is not known`;
}

function includeNote(ref: UnitRef, { repository, toPath }: Included): string {
  return `${displayKey(ref)} includes GitRepository ${repository} at '${toPath}' (spec.include): it is not fetched, and files that come from there are missing`;
}

/** @throws PlumbError `invalid-path` where the folder of a unit is itself one that comes from another repository */
export async function refuseIncluded(
  path: string,
  source: UnitSource,
  { tree }: Pick<Artifact, 'tree'>,
): Promise<void> {
  const names = namesOf(path);
  const from = source.included.find(({ toPath }) => namesOf(toPath).every((name, index) => names[index] === name));
  if (from === undefined || (await tree.id(names.join('/'))) !== null) return;
  const text = `the manifests in '${path}' come from GitRepository ${from.repository}, which ${displayKey(source.ref)} includes (spec.include): they are not fetched, and nothing here stands for them`;
  throw userError('invalid-path', text);
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}
