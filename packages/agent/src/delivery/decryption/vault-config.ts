import type { JsonObject, KubeObject } from '@plumb/api';
import { userError } from '@plumb/api';
import { readDocuments } from '@plumb/render';

const key = 'config.yaml';

/**
 * Where a Vault or OpenBao server is logged in to, by its address without a slash at its end. A server that is not named is not trusted with a
 * token of a service account.
 * @throws PlumbError `build-failed` for a ConfigMap that says something else
 */
export function loginPathsIn(configMap: KubeObject): Map<string, string> {
  const { name, namespace = '' } = configMap.metadata;
  const place = `Vault ConfigMap '${namespace}/${name}'`;
  const text = (configMap['data'] as Record<string, string> | undefined)?.[key];
  if (text === undefined) throw userError('build-failed', `${place} is missing the '${key}' key`);
  const [config] = readDocuments(`${place} '${key}'`, Buffer.from(text));
  const instances = isObject(config) ? config['instances'] : undefined;
  if (!Array.isArray(instances)) throw userError('build-failed', `${place}: '${key}' must have a list of instances`);
  const paths = instances.map((instance): [string, string] => {
    const { address, loginPath } = isObject(instance) ? instance : {};
    if (typeof address !== 'string' || typeof loginPath !== 'string')
      throw userError('build-failed', `${place}: each instance needs an address and a loginPath`);
    return [address.replace(/\/+$/, ''), loginPath];
  });
  return new Map(paths);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
