import type { JsonObject } from '@plumb/api';
import type { HelmStatus } from '@plumb/core';

// The record of a release in Helm's own words and shape (helm pkg/release/v1, pkg/chart/v2; the same from Helm 3 on). Fields that are not
// named here pass through untouched. Times are RFC 3339 with up to nine digits of a second; Helm 3 writes "" for none.

export interface ReleaseInfo {
  first_deployed?: string;
  last_deployed?: string;
  deleted?: string;
  description?: string;
  status?: HelmStatus;
  /** The rendered NOTES.txt. */
  notes?: string;
  /** Number of the record that was rolled back to. */
  rollback_revision?: number;
}

export interface HookRun {
  started_at?: string;
  completed_at?: string;
  phase: '' | 'Unknown' | 'Running' | 'Succeeded' | 'Failed';
}

export interface HookRecord {
  name?: string;
  kind?: string;
  /** Of the template, from the chart's root on. */
  path?: string;
  manifest?: string;
  events?: string[];
  last_run: HookRun;
  weight?: number;
  delete_policies?: string[];
  output_log_policies?: string[];
}

/** A file of a chart; `data` is in base64. */
export interface ChartFile {
  name: string;
  data: string;
  modtime?: string;
}

/** The chart without its subcharts, which Helm does not record. */
export interface ChartRecord {
  metadata: JsonObject & { name?: string; version?: string; appVersion?: string };
  lock?: JsonObject | null;
  templates?: ChartFile[] | null;
  values?: JsonObject | null;
  /** In base64. */
  schema?: string | null;
  schemamodtime?: string;
  files?: ChartFile[] | null;
  modtime?: string;
}

export interface ReleaseRecord {
  name: string;
  namespace: string;
  /** 1 for the first. */
  version: number;
  info: ReleaseInfo;
  chart?: ChartRecord;
  /** The values given, without those of the chart. */
  config?: JsonObject;
  /** YAML documents, without hooks. */
  manifest?: string;
  hooks?: HookRecord[];
  /** Server-side or client-side; none means client-side. */
  apply_method?: 'ssa' | 'csa';
  /** Those users gave the release. They are the Secret's, and not in its JSON. */
  labels?: Record<string, string>;
}

/** Name and versions of a record's chart; empty where it does not say. */
export function chartOf({ chart }: ReleaseRecord): { name: string; version: string; appVersion: string } {
  const { name = '', version = '', appVersion = '' } = chart?.metadata ?? {};
  return { name, version, appVersion };
}
