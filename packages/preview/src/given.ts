import { isSecret } from '@plumb/agent';
import type { JsonObject, KubeObject, UnitRef } from '@plumb/api';

/** Whether an object of a file is the one that is referred to. One without a namespace is taken to be in the right one, as kubectl takes it. */
export function isMeant({ kind, metadata }: KubeObject, named: UnitRef): boolean {
  const { name, namespace = '' } = metadata;
  return kind === named.kind && name === named.name && (namespace === '' || namespace === named.namespace);
}

/** The object of a file that is referred to, as an API server would keep it. */
export function givenFor(given: readonly KubeObject[], named: UnitRef): KubeObject | undefined {
  const found = given.find((object) => isMeant(object, named));
  return found === undefined ? undefined : asStored(found);
}

/** What is written as text is data (Secret v1: stringData). */
function asStored(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object;
  if (!isSecret(object) || typeof stringData !== 'object' || stringData === null) return object;
  const texts = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(String(text)).toString('base64')]);
  return {
    ...rest,
    data: { ...(rest['data'] as JsonObject | undefined), ...(Object.fromEntries(texts) as JsonObject) },
  };
}

/** What is said of a ConfigMap or Secret that nobody gave. */
export const WHERE_TO_READ =
  'is in the cluster: give it in a file (--with), or the cluster to read it from (--kubeconfig)';
