import { readFile } from 'node:fs/promises';
import { parseJson, userError, type JsonObject } from '@plumb/api';
import type { Access } from './access.ts';
import { loadClientNode } from './client-node.ts';
import { KubeconfigAccess } from './kubeconfig-access.ts';
import { objectOf, selectEntry } from './kubeconfig-entry.ts';
import { folderOf, PluginAccess } from './plugin-access.ts';

/** Reads a kubeconfig file. JSON without plugins, which is what the sandbox writes, needs no library. */
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
  return parsedJson(text) ?? (await parsedYaml(text, path));
}

function parsedJson(text: string): JsonObject | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return objectOf(parseJson(text));
  } catch {
    return undefined;
  }
}

/** A parser's message quotes the line it fails at, which may hold a key: it is left out. */
async function parsedYaml(text: string, path: string): Promise<JsonObject> {
  const { loadYaml } = await loadClientNode();
  try {
    return objectOf(loadYaml<JsonObject>(text));
  } catch {
    throw userError('invalid-spec', `the kubeconfig ${path} is neither YAML nor JSON`);
  }
}
