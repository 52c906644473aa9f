import { plant } from '../compose/edit-tree.ts';
import { correctable } from '../git/address.ts';
import type { Mirror } from '../git/mirror.ts';
import type { GitLimits } from '../git-sources.ts';
import { beyond, Budget } from '../limits.ts';
import { submoduleAddress } from './address.ts';
import { findPins, readModules, type Pin } from './modules.ts';

const MAX_NESTING = 10;

export interface SubmoduleOptions {
  limits: GitLimits;
  signal: AbortSignal;
  /** Works on the mirror of another repository once it holds a commit; gives that commit's tree. */
  fetched<T>(address: string, commit: string, work: (mirror: Mirror, tree: string) => Promise<T>): Promise<T>;
}

interface Place {
  mirror: Mirror;
  tree: string;
  /** The address of this repository, after those it is nested in. */
  chain: readonly string[];
}

/** Fetches submodules, nested ones too, at the commits that are pinned. @returns the tree with their content in it */
export function withSubmodules(
  mirror: Mirror,
  tree: string,
  address: string,
  options: SubmoduleOptions,
): Promise<string> {
  const shared = { ...options, found: { count: 0 }, budget: new Budget(options.limits) };
  return compose({ mirror, tree, chain: [address] }, shared);
}

interface Shared extends SubmoduleOptions {
  found: { count: number };
  budget: Budget;
}

async function compose({ mirror, tree, chain }: Place, shared: Shared): Promise<string> {
  const { limits, budget, found } = shared;
  const pins = await findPins(mirror, tree, { budget, depth: limits.depth });
  if (pins.length === 0) return tree;
  found.count += pins.length;
  if (found.count > limits.submodules)
    throw beyond(
      `more than ${limits.submodules} submodules (${found.count} so far); use fewer, or set spec.recurseSubmodules to false`,
    );
  const modules = await readModules(mirror, tree);
  const folders = new Map<string, string>();
  for (const pin of pins) {
    const address = addressOf(pin, modules.get(pin.path), chain);
    const content = await shared.fetched(address, pin.commit, async (from, root) => {
      const whole = await compose({ mirror: from, tree: root, chain: [...chain, address] }, shared);
      await mirror.copyTree(from, whole, shared.signal);
      return whole;
    });
    folders.set(pin.path, content);
  }
  return plant(mirror, tree, folders);
}

function addressOf({ path }: Pin, url: string | undefined, chain: readonly string[]): string {
  const refuse = (why: string): Error =>
    correctable('source-failed', `submodule '${path.slice(0, 100)}' is refused: ${why}`);
  if (url === undefined) throw refuse('.gitmodules has no url for it');
  if (chain.length > MAX_NESTING)
    throw refuse(`submodules are nested deeper than ${MAX_NESTING} levels; nest them less`);
  const address = submoduleAddress(url, chain.at(-1) ?? '', path);
  if (chain.includes(address)) throw refuse('it leads back to a repository that it is part of');
  return address;
}
