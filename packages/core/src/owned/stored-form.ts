import type { KubeObject } from '@plumb/api';
import { isMap } from '../fields.ts';

/**
 * A Secret as the API server stores it: `stringData` moved into `data`. Server-side apply would own the write-only
 * stringData and not the data it becomes, so that neither drift of a value nor a key that leaves would ever show (Flux
 * moves it too). Any other object is returned as it is.
 */
export function storedForm(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object;
  if (object.apiVersion !== 'v1' || object.kind !== 'Secret' || !isMap(stringData)) return object;
  const data: Record<string, unknown> = isMap(object['data']) ? { ...object['data'] } : {};
  for (const [key, text] of Object.entries(stringData)) data[key] = typeof text === 'string' ? base64(text) : text;
  return { ...rest, data };
}

function base64(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''));
}
