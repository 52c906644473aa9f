import { correctable } from '../git/address.ts';
import { entryAt, plant, type TreeRoom } from './edit-tree.ts';
import { plainPath } from './plain-path.ts';

/** The tree with nothing but the given folders. @throws PlumbError `source-failed` for one that is not there, as Flux */
export async function onlyFolders(room: TreeRoom, root: string, folders: readonly string[]): Promise<string> {
  const kept = new Map<string, string>();
  for (const folder of folders) {
    const path = plainPath(folder, 'spec.sparseCheckout');
    if (path === '') return root;
    const entry = await entryAt(room, root, path);
    if (entry?.type !== 'directory') throw missing(folder);
    kept.set(path, entry.id);
  }
  return plant(room, null, kept);
}

function missing(folder: string): Error {
  return correctable(
    'source-failed',
    `failed to sparse checkout directories : sparse checkout dir '${folder.slice(0, 100)}' does not exist in repository`,
  );
}
