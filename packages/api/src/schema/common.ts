import * as Type from 'typebox';
import type { ObjectMeta } from '../object.ts';
import { choice, count, list, object, text, textMap, time } from './build.ts';

/** metadata is checked by the API server; here only what the agent reads of it. */
export const objectMeta = Type.Unsafe<ObjectMeta>(
  Type.Object({
    name: Type.String({ minLength: 1 }),
    namespace: Type.Optional(Type.String()),
    uid: Type.Optional(Type.String()),
    resourceVersion: Type.Optional(Type.String()),
    generation: Type.Optional(Type.Integer()),
    deletionTimestamp: Type.Optional(Type.String()),
    finalizers: Type.Optional(Type.Array(Type.String())),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
  }),
);

export function localReference(description: string) {
  return object(description, { name: text('Name of the object referred to.') });
}

export type LocalObjectReference = Type.Static<ReturnType<typeof localReference>>;

/** kustomize's selector: an object must match every field that is set. Names are regular expressions. */
export function selector(description: string) {
  return object(description, {
    group: Type.Optional(text('API group of the objects to select.')),
    version: Type.Optional(text('API version of the objects to select.')),
    kind: Type.Optional(text('Kind of the objects to select.')),
    namespace: Type.Optional(text('Namespace of the objects to select.')),
    name: Type.Optional(text('Name of the objects to select.')),
    annotationSelector: Type.Optional(
      text("Selector in the label-selector notation, matched against the objects' annotations."),
    ),
    labelSelector: Type.Optional(text("Label selector, matched against the objects' labels.")),
  });
}

export type Selector = Type.Static<ReturnType<typeof selector>>;

/** metav1.Condition, with its limits. */
export const condition = object('One aspect of the state this object is in.', {
  lastTransitionTime: time('When the status of this condition last changed.'),
  message: text('What happened, for people. May be empty.', { maxLength: 32768 }),
  observedGeneration: Type.Optional(
    count('The metadata.generation this condition was set for; a lower one than the current is out of date.', {
      minimum: 0,
    }),
  ),
  reason: text('What happened, for programs: one word in CamelCase.', {
    minLength: 1,
    maxLength: 1024,
    pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
  }),
  status: choice('Whether the condition holds.', ['True', 'False', 'Unknown']),
  type: text('Which aspect this is: a word in CamelCase, or one prefixed by a domain.', {
    maxLength: 316,
    pattern:
      '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$',
  }),
});

export type Condition = Type.Static<typeof condition>;
export type ConditionStatus = Condition['status'];

/** What a source offers: meta.Artifact of Flux. */
export function artifact(description: string) {
  return object(description, {
    digest: text('Digest of the file, as <algorithm>:<checksum>.', {
      pattern: '^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$',
    }),
    lastUpdateTime: time('When this artifact was made.'),
    metadata: Type.Optional(textMap('What the upstream says about the artifact, such as OCI annotations.')),
    path: text("Path of the file below the root of the source's storage."),
    revision: text('Names the state of the upstream this was made from, such as main@sha1:<commit>.'),
    size: Type.Optional(count('Size of the file in bytes.')),
    url: text('HTTP address the file can be fetched from.'),
  });
}

export type ArtifactStatus = Type.Static<ReturnType<typeof artifact>>;

/** Status fields every reconciled kind has. */
export const commonStatus = {
  conditions: Type.Optional(list('The state this object is in, one entry for each aspect.', condition)),
  lastHandledReconcileAt: Type.Optional(
    text('The value of the annotation reconcile.fluxcd.io/requestedAt that was last acted upon.'),
  ),
  observedGeneration: Type.Optional(count('The last metadata.generation that was reconciled.')),
};
