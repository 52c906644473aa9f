import { isDeepStrictEqual } from 'node:util';
import type { Json, JsonObject, KubeObject } from '@plumb/api';
import {
  displayKey,
  HELM_CHART,
  HELM_OWNER_NAME_LABEL,
  HELM_OWNER_NAMESPACE_LABEL,
  HELM_RELEASE,
  keyId,
  keyOf,
  readyOf,
} from '@plumb/api';
import { inventoryId } from '@plumb/core';
import { readManifests } from '@plumb/render';
import { checkStatus } from '@plumb/testkit';
import { inventoryIds } from '../converged.ts';
import { LASTING_HOOKS, PASSING_HOOKS, versionText } from './charts.ts';
import type { ReleaseField } from './field.ts';
import type { DeclaredObject, Model, Release } from './model.ts';
import { HOOK_KINDS, OBJECT_KINDS, storedAs } from './model.ts';
import type { HelmRecord } from './record.ts';
import { isRecord, readRecord } from './record.ts';

const MANAGED_BY = 'app.kubernetes.io/managed-by';
const RELEASE_NAME = 'meta.helm.sh/release-name';
const RELEASE_NAMESPACE = 'meta.helm.sh/release-namespace';
/** States of records that are over. */
const OVER: ReadonlySet<string> = new Set(['deployed', 'superseded', 'failed', 'uninstalled']);

/** What the cluster has of all that a round is about. */
export interface Sight {
  readonly releases: readonly KubeObject[];
  readonly charts: readonly KubeObject[];
  /** Objects of releases, hooks and strangers. */
  readonly objects: readonly KubeObject[];
  /** Helm's records of each release, newest first, by `storage namespace/name`. */
  readonly records: ReadonlyMap<string, readonly HelmRecord[]>;
}

/** Names of what nobody declared begin so. */
export const STRANGER = 'stranger';

export async function look(field: ReleaseField): Promise<Sight> {
  const { cluster, namespace, targets } = field;
  const listed = async (kind: (typeof OBJECT_KINDS)[number], where: string): Promise<KubeObject[]> =>
    (await cluster.list(kind, { namespace: where })).items;
  const kinds = [...OBJECT_KINDS, ...HOOK_KINDS];
  const lists = await Promise.all([namespace, ...targets].flatMap((where) => kinds.map((kind) => listed(kind, where))));
  const all = lists.flat();
  const records = all.filter((object) => isRecord(object) && !object.metadata.name.includes(`.${STRANGER}`));
  return {
    releases: await listed(HELM_RELEASE, namespace),
    charts: await listed(HELM_CHART, namespace),
    objects: all.filter((object) => !isRecord(object) && !object.metadata.name.startsWith(STRANGER)),
    records: Map.groupBy(
      records.map(readRecord).toSorted((a, b) => b.version - a.version),
      ({ storage, name }) => `${storage}/${name}`,
    ),
  };
}

/** What is not yet as declared, or never will be: empty when every release stands as it should and nothing else is left. */
export function differences(sight: Sight, model: Model): string[] {
  const names = new Set(sight.releases.map(({ metadata }) => metadata.name));
  return [
    ...[...model.releases.keys()].flatMap((name) => (names.has(name) ? [] : [`HelmRelease ${name} is not there`])),
    ...sight.releases.flatMap((object) => releaseProblems(object, sight, model)),
    ...orphans(sight, model),
    ...leftRecords(sight, model),
  ];
}

function releaseProblems(object: KubeObject, sight: Sight, model: Model): string[] {
  const { name } = object.metadata;
  const release = model.releases.get(name);
  if (release === undefined) return [`HelmRelease ${name} was deleted and is still there`];
  const records = sight.records.get(storedAs(release)) ?? [];
  const declared = model.objectsOf(release);
  const problems = [
    ...statusProblems(object),
    ...recordProblems(records, release, model),
    ...manifestProblems(records[0], declared),
    ...declared.flatMap((one) => objectProblems(one, release, { sight, model })),
    ...inventoryProblems(object, declared, sight),
    ...historyProblems(object, records[0]),
  ];
  return problems.map((text) => `${name} ${text}`);
}

function statusProblems(object: KubeObject): string[] {
  const { generation } = object.metadata;
  const { observedGeneration } = (object['status'] ?? {}) as { observedGeneration?: number };
  const ready = readyOf(object as never);
  return [
    ...(ready?.status === 'True' ? [] : [`is not ready: ${ready?.message}`]),
    ...(observedGeneration === generation ? [] : [`has observed ${observedGeneration} of ${generation} generations`]),
    ...checkStatus(object),
  ];
}

function recordProblems(records: readonly HelmRecord[], release: Release, model: Model): string[] {
  const [newest] = records;
  if (newest === undefined) return ['has no record'];
  const chart = `${release.chart}@${versionText(model.versionOf(release))}`;
  const values = model.valuesOf(release);
  const deployed = records.filter(({ status }) => status === 'deployed').length;
  const stuck = records.filter(({ status }) => !OVER.has(status));
  return [
    ...(newest.status === 'deployed' ? [] : [`has the newest record ${shown(newest)}`]),
    ...(deployed === 1 ? [] : [`has ${deployed} deployed records: ${records.map(shown).join(' ')}`]),
    ...stuck.map((record) => `has the record ${shown(record)}`),
    ...(records.length <= release.manner.history
      ? []
      : [`has ${records.length} records: ${records.map(shown).join(' ')}`]),
    ...(newest.chart === chart ? [] : [`has the chart ${newest.chart}, not ${chart}`]),
    ...(newest.namespace === release.target ? [] : [`is in ${newest.namespace}, not ${release.target}`]),
    ...(isDeepStrictEqual(newest.config, values)
      ? []
      : [`has the values ${JSON.stringify(newest.config)}, not ${JSON.stringify(values)}`]),
  ];
}

function shown({ name, version, status }: HelmRecord): string {
  return `${name}.v${version} ${status}`;
}

/** The record lists what is declared, and says of each what is declared. */
function manifestProblems(record: HelmRecord | undefined, declared: readonly DeclaredObject[]): string[] {
  if (record === undefined) return [];
  const listed = readManifests('manifest.yaml', Buffer.from(record.manifest));
  const byId = new Map(
    listed.map((body) => {
      const namespace = body.metadata.namespace ?? record.namespace;
      return [keyId({ ...keyOf(body), namespace }), body];
    }),
  );
  const found = declared.flatMap(({ key, fields }) => {
    const body = byId.get(keyId(key));
    byId.delete(keyId(key));
    if (body === undefined) return [`has a record without ${displayKey(key)}`];
    return isPart(fields, body as unknown as JsonObject) ? [] : [`has a record with another ${displayKey(key)}`];
  });
  return [...found, ...[...byId.keys()].map((id) => `has a record with ${id}`)];
}

function objectProblems(
  { key, fields, labels }: DeclaredObject,
  release: Release,
  { sight, model }: { sight: Sight; model: Model },
): string[] {
  const id = keyId(key);
  const live = sight.objects.find((object) => keyId(keyOf(object)) === id);
  if (live === undefined) return [`has no ${displayKey(key)}`];
  const { labels: is = {}, annotations = {} } = live.metadata;
  const marks = {
    ...labels,
    [MANAGED_BY]: 'Helm',
    [HELM_OWNER_NAME_LABEL]: release.name,
    [HELM_OWNER_NAMESPACE_LABEL]: model.namespace,
  };
  const notes = { [RELEASE_NAME]: release.releaseName, [RELEASE_NAMESPACE]: release.target };
  return [
    ...(isPart(fields, live as unknown as JsonObject) ? [] : [`has another ${displayKey(key)}`]),
    ...(isPart(marks, is) ? [] : [`has ${displayKey(key)} with the labels ${JSON.stringify(is)}`]),
    ...(isPart(notes, annotations) ? [] : [`has ${displayKey(key)} with the notes ${JSON.stringify(annotations)}`]),
  ];
}

/** Whether all of the first is in the second. */
function isPart(part: Json, whole: Json | undefined): boolean {
  if (typeof part !== 'object' || part === null || Array.isArray(part)) return isDeepStrictEqual(part, whole);
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole)) return false;
  return Object.entries(part).every(([name, value]) => isPart(value, whole[name]));
}

function inventoryProblems(object: KubeObject, declared: readonly DeclaredObject[], { objects }: Sight): string[] {
  const { name, namespace } = object.metadata;
  const listed = inventoryIds(object).toSorted();
  const wanted = declared.map(({ key }) => inventoryId(key)).toSorted();
  const labelled = objects
    .filter(
      ({ metadata: { labels = {} } }) =>
        labels[HELM_OWNER_NAME_LABEL] === name && labels[HELM_OWNER_NAMESPACE_LABEL] === namespace,
    )
    .filter((one) => !isLasting(one))
    .map((one) => inventoryId(keyOf(one)))
    .toSorted();
  return [
    ...(isDeepStrictEqual(listed, wanted)
      ? []
      : [`has the inventory ${listed.join(' ')}, and declares ${wanted.join(' ')}`]),
    ...(isDeepStrictEqual(listed, labelled)
      ? []
      : [`has the inventory ${listed.join(' ')}, and its labels are on ${labelled.join(' ')}`]),
  ];
}

function historyProblems(object: KubeObject, newest: HelmRecord | undefined): string[] {
  const { history = [] } = (object['status'] ?? {}) as { history?: { version: number; status: string }[] };
  const [latest] = history;
  const is = `${latest?.version} ${latest?.status}`;
  return newest === undefined || is === `${newest.version} ${newest.status}`
    ? []
    : [`says in its history ${is}, and has ${shown(newest)}`];
}

/** The object of a hook that stays until it runs again, whatever becomes of its release. */
function isLasting({ kind, metadata: { name } }: KubeObject): boolean {
  return HOOK_KINDS.some((one) => one.kind === kind) && LASTING_HOOKS.some((hook) => name.endsWith(`-${hook}`));
}

/** Objects with the marks of a release that does not have them, and those of hooks that are to be gone. */
function orphans({ objects, charts }: Sight, model: Model): string[] {
  const declared = new Set(
    [...model.releases.values()].flatMap((one) => model.objectsOf(one)).map(({ key }) => keyId(key)),
  );
  const passing = new Set([...model.names].flatMap((name) => PASSING_HOOKS.map((hook) => `${name}-${hook}`)));
  const left = objects.filter((object) => {
    if (passing.has(object.metadata.name)) return true;
    return isMarked(object) && !declared.has(keyId(keyOf(object))) && !isLasting(object);
  });
  const leftCharts = charts.filter((chart) => {
    const owner = chart.metadata.labels?.[HELM_OWNER_NAME_LABEL];
    return owner !== undefined && model.releases.get(owner)?.manner.ownChart !== true;
  });
  return [...left, ...leftCharts].map((object) => `${displayKey(keyOf(object))} was left behind`);
}

function isMarked({ metadata: { labels = {}, annotations = {} } }: KubeObject): boolean {
  return labels[MANAGED_BY] === 'Helm' || HELM_OWNER_NAME_LABEL in labels || RELEASE_NAME in annotations;
}

function leftRecords({ records }: Sight, model: Model): string[] {
  const declared = new Set([...model.releases.values()].map(storedAs));
  return [...records].flatMap(([id, all]) => {
    const [newest] = all;
    const mayStay =
      model.kept.has(id) &&
      newest?.status === 'uninstalled' &&
      all.every(({ status }) => OVER.has(status) && status !== 'deployed');
    return declared.has(id) || mayStay ? [] : [`records were left behind: ${all.map(shown).join(' ')}`];
  });
}
