/** JSON pointers (RFC 6901) as a tree of their tokens, so that an object is walked once for all of them. */
export interface PointerTree {
  /** A pointer ends here: the value is meant with all that is below it. */
  ends: boolean;
  below: Map<string, PointerTree>;
}

/**
 * Gathers pointers. One without a leading slash points to nothing, as in Flux; so does the empty one, which RFC 6901 gives to the whole
 * object.
 */
export function pointerTree(pointers: Iterable<string>): PointerTree {
  const root: PointerTree = { ends: false, below: new Map() };
  for (const pointer of pointers) {
    if (!pointer.startsWith('/')) continue;
    let at = root;
    for (const token of pointer.slice(1).split('/')) at = nextIn(at, unescaped(token));
    at.ends = true;
  }
  return root;
}

function nextIn(tree: PointerTree, token: string): PointerTree {
  const known = tree.below.get(token);
  if (known !== undefined) return known;
  const next: PointerTree = { ends: false, below: new Map() };
  tree.below.set(token, next);
  return next;
}

function unescaped(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** The place in a list a token names; null for `-`, which is past the end, and for anything that is no index. */
export function indexOf(token: string): number | null {
  return /^(?:0|[1-9]\d{0,8})$/.test(token) ? Number(token) : null;
}
