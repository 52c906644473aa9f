import { randomBytes } from 'node:crypto';

import type { KubeObject, PlumbError } from '@plumb/api';
import type { Cluster, WatchEvent } from '@plumb/kube';
import { expect } from 'vitest';

/** The cluster a contract test runs against, and a namespace it may fill. */
export interface Subject {
  cluster: Cluster;
  namespace: string;
}

export const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };
export const NAMESPACE = { group: '', version: 'v1', kind: 'Namespace' };

/** A group of its own for every run: definitions are cluster-wide. */
const GROUP = `c${randomBytes(4).toString('hex')}.contract.plumb.dev`;
export const WIDGET = { group: GROUP, version: 'v1', kind: 'Widget' };

export function uniqueName(): string {
  return `x${randomBytes(5).toString('hex')}`;
}

export function configMap(subject: Subject, data: Record<string, string>, metadata: object = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: uniqueName(), namespace: subject.namespace, ...metadata },
    data,
  };
}

export function widget(subject: Subject, spec: object, metadata: object = {}): KubeObject {
  return {
    apiVersion: `${GROUP}/v1`,
    kind: 'Widget',
    metadata: { name: uniqueName(), namespace: subject.namespace, ...metadata },
    spec,
  };
}

/** A Deployment of no replicas, so that nothing runs because of it. */
export function deployment(subject: Subject, container: object, metadata: object = {}): KubeObject {
  const labels = { app: 'contract' };
  const template = { metadata: { labels }, spec: { containers: [container] } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: uniqueName(), namespace: subject.namespace, ...metadata },
    spec: { replicas: 0, selector: { matchLabels: labels }, template },
  };
}

export const WIDGET_DEFINITION: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `widgets.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { kind: 'Widget', listKind: 'WidgetList', plural: 'widgets', singular: 'widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                required: ['size'],
                properties: {
                  size: { type: 'integer', minimum: 1 },
                  colour: { type: 'string', enum: ['red', 'blue'], default: 'red' },
                  words: { type: 'array', items: { type: 'string' } },
                  parts: {
                    type: 'array',
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['id'],
                    items: {
                      type: 'object',
                      required: ['id'],
                      properties: { id: { type: 'string' }, value: { type: 'string' } },
                    },
                  },
                  free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                },
              },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
};

/** The fields a manager applied, as managedFields has them. */
export function appliedFields(object: KubeObject, manager: string): unknown {
  return object.metadata.managedFields?.find((entry) => entry.manager === manager && entry.operation === 'Apply')
    ?.fieldsV1;
}

export async function failureOf(call: Promise<unknown>): Promise<PlumbError> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  expect(outcome).toHaveProperty('error');
  return (outcome as { error: PlumbError }).error;
}

/** Reads a watch until `count` events other than bookmarks are in. */
export async function readEvents(events: AsyncIterable<WatchEvent>, count: number): Promise<WatchEvent[]> {
  const seen: WatchEvent[] = [];
  for await (const event of events) {
    if (event.type !== 'bookmark') seen.push(event);
    if (seen.length === count) break;
  }
  return seen;
}

/** `added a`, `modified a`: what a watch told, in short. */
export function short(events: readonly WatchEvent[]): string[] {
  return events.map((event) => ('object' in event ? `${event.type} ${event.object.metadata.name}` : event.type));
}

/** Waits until an object is gone. */
export async function untilGone(cluster: Cluster, key: Parameters<Cluster['get']>[0]): Promise<void> {
  const { items, resourceVersion } = await cluster.list(key, selection(key));
  if (items.length === 0) return;
  const signal = AbortSignal.timeout(30_000);
  for await (const event of cluster.watch(key, { ...selection(key), resourceVersion, signal })) {
    if (event.type === 'deleted') return;
  }
  throw new Error(`${key.kind} ${key.name} is still there`);
}

function selection(key: Parameters<Cluster['get']>[0]): { namespace?: string; fieldSelector: string } {
  return { ...(key.namespace === '' ? {} : { namespace: key.namespace }), fieldSelector: `metadata.name=${key.name}` };
}
