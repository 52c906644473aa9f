import type { JsonObject, ReleaseSnapshot, TestHookStatus } from '@plumb/api';
import { formatTime, printJson } from '@plumb/api';
import type { LastRelease } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import { ofEngine } from './engine-error.ts';
import { lastReleaseOf } from './last-release.ts';
import { chartOf, type HookRecord, type ReleaseRecord } from './record.ts';
import { markIn, type StoredRelease } from './storage.ts';

interface Digesting {
  engine: Pick<Engine, 'helmDigest' | 'helmValues'>;
  release: { metadata: { namespace?: string } };
  /** Aborts when nobody wants to know any more. */
  lasting: AbortSignal;
}

const WITHIN = 30_000;

/** How digests are computed: over the release as Helm 4 keeps it (helm-controller internal/release). */
const API_VERSION = 'v2';

/** A record as status.history keeps it. Its digests are those Flux would write. */
export async function snapshotOf(
  record: ReleaseRecord,
  more: { action?: NonNullable<ReleaseSnapshot['action']>; ociDigest?: string },
  context: Digesting,
): Promise<ReleaseSnapshot> {
  const { name, namespace, version, info } = record;
  const { name: chartName, version: chartVersion, appVersion } = chartOf(record);
  const { action, ociDigest = '' } = more;
  const [digest, configDigest] = await digestsOf(record, ociDigest, context);
  return {
    apiVersion: API_VERSION,
    digest,
    name,
    namespace,
    version,
    status: info.status ?? 'unknown',
    chartName,
    chartVersion,
    ...(appVersion === '' ? {} : { appVersion }),
    configDigest,
    firstDeployed: timeOf(info.first_deployed),
    lastDeployed: timeOf(info.last_deployed),
    ...(info.deleted === undefined || info.deleted === '' ? {} : { deleted: timeOf(info.deleted) }),
    ...(ociDigest === '' ? {} : { ociDigest }),
    ...(action === undefined ? {} : { action }),
  };
}

/** Digest of the record, and of the values it holds. */
async function digestsOf(record: ReleaseRecord, ociDigest: string, context: Digesting): Promise<[string, string]> {
  const { engine, release, lasting: signal } = context;
  const tenant = release.metadata.namespace ?? '';
  const { labels: _labels, ...kept } = record;
  const values = digestOfValues(record.config ?? {}, { engine, tenant, signal });
  const request = { record: printJson(kept), ...(ociDigest === '' ? {} : { ociDigest }) };
  const digest = engine.helmDigest({ ...request, deadline: WITHIN, tenant, signal }).catch((error: unknown) => {
    throw ofEngine(error, []);
  });
  return Promise.all([digest, values]);
}

/** Digest of values as Flux computes it; empty for values that it has none of. */
export async function digestOfValues(
  values: JsonObject,
  { engine, tenant, signal }: { engine: Pick<Engine, 'helmValues'>; tenant: string; signal: AbortSignal },
): Promise<string> {
  try {
    const merged = await engine.helmValues({ layers: [{ yaml: printJson(values) }], deadline: WITHIN, tenant, signal });
    return 'digest' in merged ? merged.digest : '';
  } catch (error) {
    throw ofEngine(error, []);
  }
}

/** The newest record, and what names it as it was when it was read or written last. */
export interface SeenLast extends LastRelease {
  readonly mark: string;
}

/** The newest record as a decision sees it. */
export function lastOf(stored: StoredRelease, snapshot: ReleaseSnapshot | undefined): SeenLast {
  const { digest = '', configDigest = '', lastDeployed = '' } = snapshot ?? {};
  return { ...lastReleaseOf(stored, { digest, configDigest, lastDeployed }), mark: markIn(stored) };
}

/** The last runs of tests, by name; an empty map says that there are none. */
export function testHooksOf(hooks: readonly HookRecord[]): Record<string, TestHookStatus> {
  return Object.fromEntries(
    hooks.map(({ name = '', last_run: { started_at, completed_at, phase } }): [string, TestHookStatus] => [
      name,
      {
        ...(started_at === undefined || started_at === '' ? {} : { lastStarted: timeOf(started_at) }),
        ...(completed_at === undefined || completed_at === '' ? {} : { lastCompleted: timeOf(completed_at) }),
        ...(phase === '' ? {} : { phase }),
      },
    ]),
  );
}

/** A time as the status has it, in whole seconds. */
export function timeOf(text: string | undefined): string {
  const time = new Date(text ?? 0);
  return formatTime(Number.isNaN(time.getTime()) ? new Date(0) : time);
}
