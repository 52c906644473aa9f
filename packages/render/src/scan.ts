import { buildError } from './errors.ts';
import { kustomizationNames } from './kustomization.ts';
import { limits } from './limits.ts';
import { displayPath, join } from './paths.ts';
import type { Found, TreeView } from './tree-view.ts';

/** A YAML file of a plain folder, or a sub-folder with a kustomization of its own. `shown` is the path it was found at. */
export interface Scanned {
  shown: string;
  found: Found;
}

/**
 * What a folder without a kustomization file offers: every .yaml and .yml below it in order of name; a sub-folder that holds a
 * kustomization file counts as one and is not entered (kustomize-controller, "generated kustomization").
 */
export async function scan(view: TreeView, folder: Found): Promise<Scanned[]> {
  const found: Scanned[] = [];
  await scanFolder({ view, found }, folder, folder.path, [folder.path]);
  return found;
}

/** `above` are the real folders on the way down: a symlink to one of them would never end. */
async function scanFolder(
  to: { view: TreeView; found: Scanned[] },
  folder: Found,
  shown: string,
  above: readonly string[],
): Promise<void> {
  if (above.length > limits.folderDepth) throw buildError(shown, `is more than ${limits.folderDepth} folders deep`);
  const entries = (await to.view.entries(folder.path)) ?? new Map<string, never>();
  for (const name of [...entries.keys()].sort()) {
    const here = join(shown, name);
    const type = entries.get(name)?.type;
    if (type === 'commit' || ((type === 'file' || type === 'executable') && !isYaml(name))) continue;
    const found = await to.view.resolve(folder.path, name, here);
    if (found === null) throw buildError(here, 'is a symlink to nothing');
    if (found.type === 'file') {
      if (isYaml(name)) to.found.push({ shown: here, found });
      continue;
    }
    if (above.includes(found.path))
      throw buildError(here, `is a symlink back to ${displayPath(found.path)}: the scan would never end`);
    if (type === 'link') to.view.recordFolder(found);
    if (await hasKustomization(to.view, found.path)) to.found.push({ shown: here, found });
    else await scanFolder(to, found, here, [...above, found.path]);
  }
}

function isYaml(name: string): boolean {
  return name.endsWith('.yaml') || name.endsWith('.yml');
}

export async function hasKustomization(view: TreeView, dir: string): Promise<boolean> {
  const entries = await view.entries(dir);
  return kustomizationNames.some((name) => {
    const type = entries?.get(name)?.type;
    return type === 'file' || type === 'executable' || type === 'link';
  });
}
