import { readFile } from 'node:fs/promises';
import { userError, type JsonObject } from '@plumb/api';
import type { Access } from './access.ts';
import { KubeconfigAccess } from './kubeconfig-access.ts';
import { selectEntry } from './kubeconfig-entry.ts';
import { parseKubeconfig } from './kubeconfig-text.ts';
import { folderOf, PluginAccess } from './plugin-access.ts';

/** Reads a kubeconfig file. Without plugins, which is what the sandbox writes, it needs no library but for YAML. */
export async function kubeconfigAccess(path: string, context: string | undefined): Promise<Access> {
  const entry = selectEntry(await read(path), context);
  const plugin = entry.user['exec'] !== undefined || entry.user['auth-provider'] !== undefined;
  return plugin ? new PluginAccess(entry, folderOf(path)) : new KubeconfigAccess(entry, folderOf(path));
}

async function read(path: string): Promise<JsonObject> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw userError('invalid-path', `cannot read the kubeconfig ${path}`, error);
  }
  return parseKubeconfig(text, `the kubeconfig ${path}`);
}
