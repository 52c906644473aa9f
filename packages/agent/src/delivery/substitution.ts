import type { Kustomization, KubeObject } from '@plumb/api';
import { userError } from '@plumb/api';
import type { Substitution } from '@plumb/render';
import type { Referenced } from './references.ts';

/**
 * The variables of spec.postBuild: those of substituteFrom in its order, a later one in place of an earlier one, and over them those of
 * substitute. Line ends are taken out of values (fluxcd/pkg kustomize, kustomize_varsub.go).
 * @returns undefined without spec.postBuild
 * @throws PlumbError `build-failed` for an object that is not there and not optional
 */
export function substitutionOf(
  { spec }: Pick<Kustomization, 'spec'>,
  referenced: Referenced,
  strict: boolean,
): Substitution | undefined {
  const { postBuild } = spec;
  if (postBuild === undefined) return undefined;
  const variables: Record<string, string> = Object.create(null) as Record<string, string>;
  const secrets: string[][] = [];
  for (const { kind, name, optional } of postBuild.substituteFrom ?? []) {
    const object = referenced.get(kind, name);
    if (object !== null) {
      const texts = textsOf(object);
      Object.assign(variables, texts);
      if (kind === 'Secret') secrets.push(Object.values(texts));
    } else if (optional !== true) throw missing(kind, name);
  }
  Object.assign(variables, postBuild.substitute);
  for (const [name, value] of Object.entries(variables)) variables[name] = asPutIn(value);
  const always = postBuild.substituteStrategy === 'Always';
  return { variables, secrets: secrets.flat().map(asPutIn), strict, always };
}

const asPutIn = (value: string): string => value.replaceAll('\n', '');

function textsOf(object: KubeObject): Record<string, string> {
  const data = (object['data'] ?? {}) as Record<string, string>;
  if (object.kind !== 'Secret') return data;
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]));
}

function missing(kind: string, name: string): Error {
  const said = `post build failed: substitute from '${kind}/${name}' error: ${kind.toLowerCase()}s "${name}" not found`;
  return userError('build-failed', said);
}
