import { printJson } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import type { Bundle } from '../bundle.ts';
import type { Renderer } from '../renderer.ts';
import { buildSpec, memoryArtifact } from './memory-artifact.ts';
import type { Files } from './memory-artifact.ts';

/** How a build ended: the objects in one line, or the message of the refusal. */
export interface Outcome {
  says?: string;
  gives?: string;
  bundle?: Bundle;
}

export async function outcomeOf(renderer: Renderer, files: Files): Promise<Outcome> {
  try {
    const bundle = await renderer.build(memoryArtifact(files), buildSpec(), { deadline: 20_000 });
    return { gives: bundle.objects.map(({ body }) => inOneLine(body)).join(' | '), bundle };
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'PlumbError') throw error;
    return { says: error.message };
  }
}

/** `ConfigMap/x {"data":{"a":"1"}}`: what every object has first, then the rest. */
function inOneLine(body: KubeObject): string {
  const { apiVersion: _apiVersion, kind, metadata, ...rest } = body;
  const { name, ...more } = metadata;
  const others = Object.keys(more).length > 0 ? { metadata: more, ...rest } : rest;
  return `${kind}/${name}${Object.keys(others).length > 0 ? ` ${printJson(others)}` : ''}`;
}
