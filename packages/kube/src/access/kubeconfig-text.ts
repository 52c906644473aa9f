import { parseJson, userError, type JsonObject } from '@plumb/api';
import { load } from 'js-yaml';
import { objectOf } from './kubeconfig-entry.ts';

/** What the API server stores in one object is no larger. */
const LIMIT = 1024 * 1024;
/** A kubeconfig is five levels deep, and no tool writes one with aliases. */
const BOUNDS = { maxDepth: 32, maxAliases: 0 };

/**
 * Reads a kubeconfig in YAML or JSON.
 * @param place names it in errors: `the kubeconfig /home/me/config`
 * @throws invalid-spec, without quoting the text: the line that cannot be read may hold a key
 */
export function parseKubeconfig(text: string, place: string): JsonObject {
  if (text.length > LIMIT) throw userError('invalid-spec', `${place} is larger than 1 MiB`);
  if (text.trim() === '') throw userError('invalid-spec', `${place} is empty`);
  return parsedJson(text) ?? parsedYaml(text, place);
}

function parsedJson(text: string): JsonObject | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return objectOf(parseJson(text));
  } catch {
    return undefined;
  }
}

function parsedYaml(text: string, place: string): JsonObject {
  try {
    return objectOf(load(text, BOUNDS) as JsonObject | undefined);
  } catch {
    throw userError('invalid-spec', `${place} is neither YAML nor JSON`);
  }
}
