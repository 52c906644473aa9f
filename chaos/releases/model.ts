import type { JsonObject, KindRef, ObjectKey } from '@plumb/api';
import { HELM_CHART } from '@plumb/api';
import { CONFIG_MAP, SECRET } from '../model.ts';
import type { ChartName } from './charts.ts';
import { CHART_NAMES, extrasOf, versionText } from './charts.ts';

export const POD: KindRef = { group: '', version: 'v1', kind: 'Pod' };
const ROLE: KindRef = { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'Role' };
const DEPLOYMENT: KindRef = { group: 'apps', version: 'v1', kind: 'Deployment' };
const JOB: KindRef = { group: 'batch', version: 'v1', kind: 'Job' };
/** The kinds that charts declare. */
export const OBJECT_KINDS: readonly KindRef[] = [CONFIG_MAP, SECRET, ROLE, DEPLOYMENT];
/** The kinds of their hooks besides. */
export const HOOK_KINDS: readonly KindRef[] = [JOB, POD];

/**
 * What may be wrong with a release for a while, and how often: an object that the API server refuses, a template that fails, hooks and tests that fail or never
 * end, a rollout that never does. What leaves a record that is soon remedied is frequent.
 */
const TROUBLES = { refused: 4, broken: 1, unready: 1 };
/** Those of charts with Jobs besides. */
const HOOK_TROUBLES = { 'hook-fails': 2, 'hook-waits': 1, 'after-fails': 4, 'test-fails': 1 };
export type TroubleName = keyof typeof TROUBLES | keyof typeof HOOK_TROUBLES | 'none';

/** What a chart can suffer from, and how often it does. */
export function troublesOf(chart: ChartName): Readonly<Partial<Record<TroubleName, number>>> {
  return chart === 'shop' ? { ...TROUBLES, ...HOOK_TROUBLES } : TROUBLES;
}

/** Those that last until the timeout. */
const SLOW: ReadonlySet<TroubleName> = new Set(['hook-waits', 'unready']);

/** How a release is declared, from its first day to its last. */
export interface Manner {
  /** Its chart is named by spec.chart, of which the agent makes a HelmChart; else by chartRef, as others do it too. */
  readonly ownChart: boolean;
  /** What follows a failure. */
  readonly remedy: 'none' | 'rollback' | 'uninstall' | 'retry';
  readonly tests: boolean;
  /** Drift is put right. */
  readonly corrects: boolean;
  readonly keepsHistory: boolean;
  /** Records it keeps. */
  readonly history: number;
  /** Its value is in a ConfigMap. */
  readonly fromConfig: boolean;
  /** It goes through postRenderers. */
  readonly patches: boolean;
  /** Its hooks do not, and so carry no marks of it. */
  readonly bareHooks: boolean;
  /** A failed upgrade deletes what it made. */
  readonly cleansUp: boolean;
}

/** A HelmRelease as it is declared now. */
export interface Release {
  readonly name: string;
  readonly manner: Manner;
  chart: ChartName;
  /** Of its chart, where that is its own. */
  version: number;
  /** What its objects show. Changes to a number that nothing had before. */
  value: number;
  trouble: TroubleName;
  suspended: boolean;
  /** Of Helm; as long as the HelmRelease is there no other has it. */
  releaseName: string;
  target: string;
  /** Where its records are. */
  storage: string;
  /** Of spec.commonMetadata. */
  team: string;
}

/** An object that a release declares, and what is to be seen of it. */
export interface DeclaredObject {
  readonly key: ObjectKey;
  readonly fields: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
}

/** What is declared, and what the cluster is to hold because of that: decided by chance alone, so that a seed repeats it. */
export class Model {
  readonly releases = new Map<string, Release>();
  /** Of the HelmReleases, and of their records. */
  readonly namespace: string;
  readonly targets: readonly string[];
  /** Versions of the charts that are shared. */
  readonly published: Record<ChartName, number> = { shop: 1, stall: 1 };
  /** Helm releases that were deleted or moved away, and whose records may stay: `storage namespace/name`. */
  readonly kept = new Set<string>();
  /** Every name that a Helm release ever had. */
  readonly names = new Set<string>();
  /** What was ever wrong with each HelmRelease. */
  readonly suffered = new Map<string, Set<TroubleName>>();
  #values = 0;

  constructor(namespace: string, targets: readonly string[]) {
    this.namespace = namespace;
    this.targets = targets;
  }

  add(name: string, manner: Manner, start: Pick<Release, 'chart' | 'target'>): Release {
    const value = this.nextValue();
    const release: Release = {
      ...start,
      name,
      manner,
      version: 1,
      value,
      trouble: 'none',
      suspended: false,
      releaseName: name,
      storage: this.namespace,
      team: 'blue',
    };
    this.releases.set(name, release);
    this.names.add(name);
    return release;
  }

  /** Something is wrong with it from now on, until `none` is. */
  afflict(release: Release, trouble: TroubleName): void {
    Object.assign(release, { trouble });
    if (trouble === 'none') return;
    const before = this.suffered.get(release.name) ?? new Set();
    this.suffered.set(release.name, before.add(trouble));
  }

  /** It is not declared any more. */
  remove(release: Release): void {
    this.releases.delete(release.name);
    this.#leave(release);
  }

  rename(release: Release, releaseName: string): void {
    this.#leave(release);
    Object.assign(release, { releaseName });
    this.names.add(releaseName);
  }

  /** What makes it another release: the old one is uninstalled. */
  move(release: Release, where: Partial<Pick<Release, 'target' | 'storage' | 'chart'>>): void {
    this.#leave(release);
    Object.assign(release, where);
  }

  #leave(release: Release): void {
    if (release.manner.keepsHistory) this.kept.add(storedAs(release));
  }

  /** A number that nothing has been set to before. */
  nextValue(): number {
    return this.#values++;
  }

  versionOf({ manner, chart, version }: Release): number {
    return manner.ownChart ? version : this.published[chart];
  }

  /** The values that the newest record is to hold. */
  valuesOf({ value, trouble }: Pick<Release, 'value' | 'trouble'>): JsonObject {
    return { value, trouble };
  }

  /** What the chart of a release has with its values, when nothing is wrong. */
  objectsOf(release: Release): DeclaredObject[] {
    const { releaseName, target, value, manner, chart, team } = release;
    const version = this.versionOf(release);
    const declare = (kind: KindRef, name: string, fields: JsonObject): DeclaredObject => ({
      key: { ...kind, namespace: target, name: `${releaseName}-${name}` },
      fields,
      labels: { team, ...(manner.patches && kind === CONFIG_MAP ? { patched: 'yes' } : {}) },
    });
    const text = String(value);
    const rule = { apiGroups: [''], resources: ['pods'], resourceNames: [`v-${value}`], verbs: ['get'] };
    return [
      declare(CONFIG_MAP, 'settings', { data: { value: text, chart, version: versionText(version) } }),
      declare(SECRET, 'keys', { data: { value: Buffer.from(text).toString('base64') } }),
      declare(ROLE, 'reader', { rules: [rule] }),
      declare(DEPLOYMENT, 'web', { spec: { replicas: 0 } }),
      ...extrasOf(version).map((extra) => declare(CONFIG_MAP, `extra-${extra}`, { data: { value: text } })),
    ];
  }
}

const NORMAL_TIMEOUT = '40s';
const SHORT_TIMEOUT = '2s';
const RETRIES = 2;

/** spec of the HelmRelease. The interval is long: it is not to be what puts things right. */
export function specOf(release: Release): JsonObject {
  const { manner, chart, version, trouble, suspended, releaseName, target, storage, team } = release;
  const ownChart = {
    chart,
    version: versionText(version),
    sourceRef: { kind: 'HelmRepository', name: 'charts' },
  };
  return {
    interval: '30m',
    timeout: SLOW.has(trouble) ? SHORT_TIMEOUT : NORMAL_TIMEOUT,
    ...(manner.ownChart ? { chart: { spec: ownChart } } : { chartRef: { kind: HELM_CHART.kind, name: chart } }),
    releaseName,
    targetNamespace: target,
    storageNamespace: storage,
    maxHistory: manner.history,
    suspend: suspended,
    values: { trouble, ...(manner.fromConfig ? {} : { value: release.value }) },
    ...(manner.fromConfig ? { valuesFrom: [{ kind: 'ConfigMap', name: configName(release) }] } : {}),
    ...remediesOf(manner),
    test: { enable: manner.tests },
    driftDetection: { mode: manner.corrects ? 'enabled' : 'disabled' },
    uninstall: { keepHistory: manner.keepsHistory },
    commonMetadata: { labels: { team } },
    ...(manner.bareHooks ? { postRenderStrategy: 'nohooks' } : {}),
    ...(manner.patches ? { postRenderers: [{ kustomize: { patches: [PATCH] } }] } : {}),
  };
}

const PATCH = {
  target: { kind: 'ConfigMap' },
  patch: '[{ "op": "add", "path": "/metadata/labels", "value": { "patched": "yes" } }]',
};

function remediesOf({ remedy, cleansUp }: Manner): JsonObject {
  const cleanup = { cleanupOnFail: cleansUp };
  switch (remedy) {
    case 'none':
      return { upgrade: cleanup };
    case 'retry': {
      const strategy = { name: 'RetryOnFailure', retryInterval: '1s' };
      return { install: { strategy }, upgrade: { ...cleanup, strategy } };
    }
    case 'rollback':
    case 'uninstall': {
      const remediation = { retries: RETRIES };
      return {
        install: { remediation: { ...remediation, remediateLastFailure: true } },
        upgrade: { ...cleanup, remediation: { ...remediation, strategy: remedy } },
      };
    }
  }
}

/** Names the records of a release: `storage namespace/name`. */
export function storedAs({ storage, releaseName }: Pick<Release, 'storage' | 'releaseName'>): string {
  return `${storage}/${releaseName}`;
}

/** The ConfigMap that a release may have its value from. */
export function configName({ name }: Pick<Release, 'name'>): string {
  return `${name}-values`;
}

export function isChartName(text: string): text is ChartName {
  return (CHART_NAMES as readonly string[]).includes(text);
}
