import type { ArtifactStatus, GitRepository, GitRepositoryInclude, Said } from '@plumb/api';
import { gitRepositoryMessages as messages, say } from '@plumb/api';
import type { GitInclude } from '@plumb/sources';

/** An entry of spec.include with the artifact it stands for. */
export interface FoundInclude {
  include: GitInclude;
  artifact: ArtifactStatus;
}

type Find = (namespace: string, name: string) => GitRepository | undefined;

/** The artifacts that spec.include asks for, as they are on offer now; or what to say where one is not. Pure. */
export function findIncludes(object: GitRepository, find: Find): { includes: FoundInclude[] } | { said: Said } {
  const { namespace = '', name } = object.metadata;
  const chain = cycle(object, find, [name]);
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

/** Each change of one would change the other for ever. @returns the names that lead from a repository back to itself */
function cycle(object: GitRepository, find: Find, chain: readonly string[]): readonly string[] | null {
  const { namespace = '' } = object.metadata;
  for (const { repository } of object.spec.include ?? []) {
    const longer = [...chain, repository.name];
    if (repository.name === chain[0]) return longer;
    const other = chain.includes(repository.name) ? undefined : find(namespace, repository.name);
    const found = other === undefined ? null : cycle(other, find, longer);
    if (found !== null) return found;
  }
  return null;
}
