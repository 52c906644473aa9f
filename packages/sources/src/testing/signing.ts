import type { Repository } from './repository.ts';

/** Arguments before git's command that make it sign. */
interface Signer {
  config: readonly string[];
}

/** Puts a signed commit in place of the one a branch is at. @returns its id */
export function signHead(repository: Repository, { config }: Signer, branch = 'main'): string {
  const ref = `refs/heads/${branch}`;
  const [tree = '', ...parents] = repository.git(['log', '-1', '--format=%T %P', ref]).split(' ');
  const chain = parents.filter((parent) => parent !== '').flatMap((parent) => ['-p', parent]);
  const commit = repository.git([...config, 'commit-tree', '-S', '-m', 'signed', ...chain, tree]);
  repository.git(['update-ref', ref, commit]);
  return commit;
}

export function signTag(repository: Repository, { config }: Signer, name: string, target: string): string {
  repository.git([...config, 'tag', '--force', '-s', '-m', `release ${name}`, name, target]);
  return repository.git(['rev-parse', `refs/tags/${name}`]);
}
