/** Paths by the names that they are made of, so that what many have in common is looked at once. */
export interface PathTree {
  /** The path that ends here, if one does. */
  path: string | null;
  below: ReadonlyMap<string, PathTree>;
}

interface Growing {
  path: string | null;
  below: Map<string, Growing>;
}

/** Names are divided by `/`; the empty path is the root itself. */
export function pathTree(paths: readonly string[]): PathTree {
  const root: Growing = { path: null, below: new Map() };
  for (const path of paths) {
    let at = root;
    for (const name of path === '' ? [] : path.split('/')) {
      const next = at.below.get(name) ?? { path: null, below: new Map() };
      at.below.set(name, next);
      at = next;
    }
    at.path = path;
  }
  return root;
}
