import type { ArtifactStatus, GitRepository, GitRepositoryInclude, Said } from '@plumb/api';
import { gitRepositoryMessages as messages, say } from '@plumb/api';
import type { GitInclude } from '@plumb/sources';

/** An entry of spec.include with the artifact it stands for. */
export interface FoundInclude {
  include: GitInclude;
  artifact: ArtifactStatus;
}

/** Each is a walk through a tree of its own. */
const MAX_INCLUDES = 100;

type Find = (namespace: string, name: string) => GitRepository | undefined;

/** The artifacts that spec.include asks for, as they are on offer now; or what to say where one is not. Pure. */
export function findIncludes(object: GitRepository, find: Find): { includes: FoundInclude[] } | { said: Said } {
  const { namespace = '' } = object.metadata;
  const count = object.spec.include?.length ?? 0;
  if (count > MAX_INCLUDES) return { said: say(messages.includeTooMany, { count, most: MAX_INCLUDES }) };
  const chain = wayBack(object, find);
  if (chain !== null) return { said: say(messages.includeCycle, { chain }) };
  const includes: FoundInclude[] = [];
  for (const entry of object.spec.include ?? []) {
    const { name: wanted } = entry.repository;
    const other = find(namespace, wanted);
    if (other === undefined) return { said: say(messages.includeNotFound, { name: wanted }) };
    const artifact = other.status?.artifact;
    if (artifact === undefined) return { said: say(messages.includeWithoutArtifact, { name: wanted }) };
    includes.push({ include: includeOf(entry, namespace, artifact), artifact });
  }
  return { includes };
}

function includeOf(
  { repository, fromPath = '', toPath }: GitRepositoryInclude,
  namespace: string,
  { revision, digest }: Pick<ArtifactStatus, 'revision' | 'digest'>,
): GitInclude {
  const source = { kind: 'GitRepository', namespace, name: repository.name } as const;
  return { source, revision, digest, fromPath, toPath: toPath ? toPath : repository.name };
}

/**
 * Each change of one would change the other for ever. Every repository is looked at once, however many ways lead to it.
 * @returns the names that lead from a repository back to itself
 */
function wayBack(object: GitRepository, find: Find): readonly string[] | null {
  const { namespace = '', name: start } = object.metadata;
  /** By whom each was found first. */
  const includers = new Map<string, string>();
  const pending = [start];
  for (const name of pending) {
    const { spec } = (name === start ? object : find(namespace, name)) ?? {};
    for (const { repository } of spec?.include?.slice(0, MAX_INCLUDES) ?? []) {
      const next = repository.name;
      if (next === start) return [...chainTo(name, includers), start];
      if (includers.has(next)) continue;
      includers.set(next, name);
      pending.push(next);
    }
  }
  return null;
}

function chainTo(name: string, includers: ReadonlyMap<string, string>): string[] {
  const chain: string[] = [];
  for (let at: string | undefined = name; at !== undefined; at = includers.get(at)) chain.unshift(at);
  return chain;
}
