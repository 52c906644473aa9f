import type { TSchema } from 'typebox';

/** A column of `kubectl get`. */
export interface PrinterColumn {
  name: string;
  type: 'string' | 'date';
  jsonPath: string;
}

/** All that a CustomResourceDefinition needs to know of a kind. */
export interface KindDefinition {
  group: string;
  version: string;
  kind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  columns: readonly PrinterColumn[];
  /** Whose kind it is, a Flux controller or plumb itself; the CRD is labelled with it. */
  component: string;
  description: string;
  spec: TSchema;
  /** Left out: its objects have no status. */
  status?: TSchema;
  /** By default its objects stand in namespaces. */
  scope?: 'Namespaced' | 'Cluster';
}

const AGE: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const READY: PrinterColumn = {
  name: 'Ready',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].status',
};
const STATUS: PrinterColumn = {
  name: 'Status',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].message',
};

/** The columns every Flux kind with conditions has, in Flux's order. */
export const COMMON_COLUMNS: readonly PrinterColumn[] = [AGE, READY, STATUS];

/** What the API server puts in place of a missing status, so that no generation looks observed yet. */
export const STATUS_DEFAULT = { observedGeneration: -1 };
