import { parseApiVersion, type Json, type JsonObject } from '@plumb/api';
import type { ResourceInfo } from '../cluster.ts';

/** KEP-3352; servers before 1.30 name it v2beta1, others answer in the classic form. */
export const DISCOVERY_ACCEPT = [
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList',
  'application/json',
].join(',');

/** The resources of an aggregated answer, preferred versions first. Null when the answer is in the classic form. */
export function aggregatedResources(answer: JsonObject): ResourceInfo[] | null {
  if (answer['kind'] !== 'APIGroupDiscoveryList') return null;
  return objects(answer['items']).flatMap((group) =>
    objects(group['versions']).flatMap((version) =>
      objects(version['resources']).flatMap((resource) => aggregatedResource(group, version, resource)),
    ),
  );
}

function aggregatedResource(group: JsonObject, version: JsonObject, resource: JsonObject): ResourceInfo[] {
  const kind = text(object(resource['responseKind'])['kind']);
  const name = text(resource['resource']);
  if (kind === '' || name === '') return [];
  return [
    {
      group: text(object(group['metadata'])['name']),
      version: text(version['version']),
      kind,
      resource: name,
      namespaced: resource['scope'] === 'Namespaced',
      verbs: texts(resource['verbs']),
    },
  ];
}

/** The group versions of a classic `/api` (APIVersions) or `/apis` (APIGroupList) answer, preferred ones first. */
export function classicGroupVersions(answer: JsonObject): string[] {
  if (answer['kind'] === 'APIVersions') return texts(answer['versions']);
  return objects(answer['groups']).flatMap((group) => {
    const preferred = text(object(group['preferredVersion'])['groupVersion']);
    const all = objects(group['versions']).map((version) => text(version['groupVersion']));
    return [preferred, ...all.filter((version) => version !== preferred)].filter((version) => version !== '');
  });
}

/** The resources of a classic APIResourceList; subresources are left out. */
export function classicResources(answer: JsonObject): ResourceInfo[] {
  const { group, version } = parseApiVersion(text(answer['groupVersion']));
  return objects(answer['resources']).flatMap((resource) => {
    const name = text(resource['name']);
    if (name === '' || name.includes('/')) return [];
    const namespaced = resource['namespaced'] === true;
    return [
      { group, version, kind: text(resource['kind']), resource: name, namespaced, verbs: texts(resource['verbs']) },
    ];
  });
}

function object(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function objects(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.map(object) : [];
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function texts(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
