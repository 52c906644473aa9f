import { correctable } from '../git/address.ts';
import type { Mirror } from '../git/mirror.ts';
import { beyond, checkDepth, type Budget } from '../limits.ts';

/** A submodule as the tree has it: its folder and the commit it is pinned to. */
export interface Pin {
  path: string;
  commit: string;
}

const MODULES = '.gitmodules';
const MAX_BYTES = 1024 * 1024;

interface Walk {
  pins: Pin[];
  budget: Budget;
  depth: number;
}

/** All submodules of a tree, in order. @throws PlumbError `source-failed` beyond a limit */
export async function findPins(mirror: Mirror, root: string, limits: Omit<Walk, 'pins'>): Promise<Pin[]> {
  const walk: Walk = { ...limits, pins: [] };
  await visit(mirror, { dir: '', id: root, level: 0 }, walk);
  return walk.pins;
}

async function visit(mirror: Mirror, at: { dir: string; id: string; level: number }, walk: Walk): Promise<void> {
  checkDepth(at.dir, at.level, walk);
  for (const { name, type, id } of (await mirror.objects.tree(at.id)).entries) {
    walk.budget.spend();
    const path = at.dir === '' ? name : `${at.dir}/${name}`;
    if (type === 'commit') walk.pins.push({ path, commit: id });
    else if (type === 'directory') await visit(mirror, { dir: path, id, level: at.level + 1 }, walk);
  }
}

/** The urls of `.gitmodules` by path. */
export async function readModules(mirror: Mirror, root: string): Promise<Map<string, string>> {
  const entry = (await mirror.objects.tree(root)).byName.get(MODULES);
  if (entry?.type !== 'file') return new Map();
  const size = await mirror.objects.size(entry.id);
  if (size > MAX_BYTES) throw beyond(`${MODULES} has ${size} bytes, more than ${MAX_BYTES}; name fewer submodules`);
  const listed = await mirror.configIn(entry.id);
  if (listed === null)
    throw correctable('source-failed', `${MODULES} cannot be read: it is not in the form of a git config`);
  const modules = new Map<string, { path?: string; url?: string }>();
  for (const line of listed.split('\0')) {
    const match = /^submodule\.([^\n]*)\.(path|url)\n([^]*)$/.exec(line);
    if (match === null) continue;
    const [, name = '', field = '', value = ''] = match;
    modules.set(name, { ...modules.get(name), [field]: value });
  }
  return new Map(
    [...modules.values()].flatMap(({ path, url }) => (path && url ? [[path.replace(/\/+$/, ''), url]] : [])),
  );
}
