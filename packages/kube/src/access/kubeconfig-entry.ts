import { userError, type Json, type JsonObject } from '@plumb/api';

/** The cluster and the user that one context of a kubeconfig names. */
export interface KubeconfigEntry {
  readonly server: URL;
  readonly cluster: JsonObject;
  readonly user: JsonObject;
}

/** @throws invalid-spec naming what the kubeconfig lacks; never a value of it, which may be a secret. */
export function selectEntry(config: JsonObject, contextName: string | undefined): KubeconfigEntry {
  const wanted = contextName ?? text(config, 'current-context') ?? '';
  if (wanted === '') throw userError('invalid-spec', 'the kubeconfig has no current-context: name a context');
  const context = named(config, 'contexts', 'context', wanted);
  const cluster = named(config, 'clusters', 'cluster', text(context, 'cluster') ?? '');
  const userName = text(context, 'user') ?? '';
  const user = userName === '' ? {} : named(config, 'users', 'user', userName);
  return { server: serverOf(cluster), cluster, user };
}

function named(config: JsonObject, list: string, field: string, name: string): JsonObject {
  const entries = config[list];
  const found = Array.isArray(entries) ? entries.map(objectOf).find((entry) => entry['name'] === name) : undefined;
  if (found === undefined) throw userError('invalid-spec', `the kubeconfig has no ${field} named "${name}"`);
  return objectOf(found[field]);
}

function serverOf(cluster: JsonObject): URL {
  const server = text(cluster, 'server');
  if (server === undefined) throw userError('invalid-spec', "the kubeconfig's cluster has no server");
  const url = URL.parse(server);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw userError('invalid-url', `the kubeconfig's server "${server}" is not an http or https URL`);
  }
  return url;
}

export function text(object: JsonObject, field: string): string | undefined {
  const value = object[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}
