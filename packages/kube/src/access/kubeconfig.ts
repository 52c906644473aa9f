import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { userError, type Json, type JsonObject } from '@plumb/api';
import type { Access } from './access.ts';
import { KubeconfigAccess } from './kubeconfig-access.ts';
import { objectOf, selectEntry } from './kubeconfig-entry.ts';
import { parseKubeconfig } from './kubeconfig-text.ts';
import { folderOf, PluginAccess } from './plugin-access.ts';

/**
 * Reads a kubeconfig file, or several as kubectl has them in KUBECONFIG: of entries of one name the first counts, and files that are not there are
 * left out. Without plugins, which is what the sandbox writes, it needs no library but for YAML.
 */
export async function kubeconfigAccess(path: string, context: string | undefined): Promise<Access> {
  const paths = existsSync(path) ? [path] : path.split(delimiter).filter((one) => existsSync(one));
  const [only] = paths;
  const config = paths.length > 1 ? merged(await Promise.all(paths.map(readRooted))) : await read(only ?? path);
  const entry = selectEntry(config, context);
  const plugin = entry.user['exec'] !== undefined || entry.user['auth-provider'] !== undefined;
  const folder = folderOf(only ?? path);
  return plugin ? new PluginAccess(entry, folder) : new KubeconfigAccess(entry, folder);
}

async function read(path: string): Promise<JsonObject> {
  return parsed(await textOf(path), path);
}

function parsed(text: string, path: string): JsonObject {
  return parseKubeconfig(text, `the kubeconfig ${path}`);
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw userError('invalid-path', `cannot read the kubeconfig ${path}`, error);
  }
}

/** A kubeconfig whose relative paths, which start from its own folder, can stand beside those of another. Beside others it may be empty. */
async function readRooted(path: string): Promise<JsonObject> {
  const text = await textOf(path);
  const config = text.trim() === '' ? {} : parsed(text, path);
  const folder = folderOf(path);
  const clusters = entriesOf(config, 'clusters').map((entry) => ({
    ...entry,
    cluster: rooted(objectOf(entry['cluster']), ['certificate-authority'], folder),
  }));
  const users = entriesOf(config, 'users').map((entry) => {
    const user = rooted(objectOf(entry['user']), ['client-certificate', 'client-key', 'tokenFile'], folder);
    const exec = objectOf(user['exec']);
    const isBeside = typeof exec['command'] === 'string' && exec['command'].includes('/');
    return { ...entry, user: isBeside ? { ...user, exec: rooted(exec, ['command'], folder) } : user };
  });
  return { ...config, clusters, users };
}

function rooted(object: JsonObject, fields: readonly string[], folder: string): JsonObject {
  const found = fields.flatMap((field) => {
    const value = object[field];
    return typeof value === 'string' && value !== '' ? [[field, resolve(folder, value)] as const] : [];
  });
  return { ...object, ...Object.fromEntries(found) };
}

function merged(configs: readonly JsonObject[]): JsonObject {
  const lists = ['clusters', 'contexts', 'users'].map((list): [string, Json] => [
    list,
    configs.flatMap((config) => entriesOf(config, list)),
  ]);
  const current = configs
    .map((config) => config['current-context'])
    .find((name) => typeof name === 'string' && name !== '');
  return { ...Object.fromEntries(lists), ...(current !== undefined && { 'current-context': current }) };
}

function entriesOf(config: JsonObject, list: string): JsonObject[] {
  const entries = config[list];
  return Array.isArray(entries) ? entries.map(objectOf) : [];
}
