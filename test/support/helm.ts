import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parseJson, printJson, type JsonObject, type KubeObject, type ObjectKey } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { HELM_PATH } from './paths.ts';

/** A chart on its way into a cluster by upstream's helm. */
export interface HelmChartArgs {
  archive: Uint8Array;
  /** A values file. */
  values?: string | undefined;
  flags?: readonly string[];
}

/** Upstream's helm, as somebody at a keyboard uses it on a cluster. */
export class Helm {
  readonly #kubeconfig: string;
  readonly #dir: string;
  readonly #program: string;

  private constructor(kubeconfig: string, dir: string, program: string) {
    this.#kubeconfig = kubeconfig;
    this.#dir = dir;
    this.#program = program;
  }

  /** @param kubeconfig path of a file @param program version 4 by default */
  static async at(kubeconfig: string, program = HELM_PATH): Promise<Helm> {
    return new Helm(kubeconfig, await mkdtemp(join(tmpdir(), 'plumb-helm-')), program);
  }

  /** @returns what it prints. @throws what it prints to standard error */
  run(...args: string[]): Promise<string> {
    const env = { HOME: this.#dir, TZ: 'UTC', KUBECONFIG: this.#kubeconfig };
    return new Promise((resolve, reject) => {
      execFile(this.#program, args, { cwd: this.#dir, env, maxBuffer: 1e8 }, (error, stdout, stderr) =>
        error === null ? resolve(stdout) : reject(new Error(`helm ${args.join(' ')}: ${stderr}`)),
      );
    });
  }

  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.run(...args, '--output=json')) as T;
  }

  install(namespace: string, name: string, chart: HelmChartArgs): Promise<string> {
    return this.#bring('install', namespace, name, chart);
  }

  upgrade(namespace: string, name: string, chart: HelmChartArgs): Promise<string> {
    return this.#bring('upgrade', namespace, name, chart);
  }

  async #bring(what: string, namespace: string, name: string, chart: HelmChartArgs): Promise<string> {
    const { archive, values = '', flags = [] } = chart;
    const folder = await mkdtemp(join(this.#dir, 'chart-'));
    const files = { chart: join(folder, 'chart.tgz'), values: join(folder, 'values.yaml') };
    await writeFile(files.chart, archive);
    await writeFile(files.values, values);
    return this.run(what, name, files.chart, `--namespace=${namespace}`, `--values=${files.values}`, ...flags);
  }

  async close(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }
}

const PREFIX = 'sh.helm.release.v1.';

export function recordKey(namespace: string, name: string, version: number): ObjectKey {
  return { group: '', version: 'v1', kind: 'Secret', namespace, name: `${PREFIX}${name}.v${version}` };
}

/** What the Secret of a release record holds, decoded here and by nobody else's code. */
export function recordIn(secret: KubeObject | null): JsonObject {
  const { release = '' } = (secret?.['data'] ?? {}) as { release?: string };
  const text = Buffer.from(Buffer.from(release, 'base64').toString(), 'base64');
  return parseJson(gunzipSync(text).toString()) as JsonObject;
}

/** The data of the Secret that holds a record. */
export function dataOf(record: JsonObject): { release: string } {
  const packed = gzipSync(printJson(record)).toString('base64');
  return { release: Buffer.from(packed).toString('base64') };
}

/** Stores a record as helm does when it begins an upgrade, after the first. */
export async function beginUpgrade(cluster: Cluster, namespace: string, name: string): Promise<void> {
  const record = recordIn(await cluster.get(recordKey(namespace, name, 1)));
  const info = { ...(record['info'] as JsonObject), status: 'pending-upgrade', description: 'Preparing upgrade' };
  const now = String(Math.floor(Date.now() / 1_000));
  const labels = { name, owner: 'helm', status: 'pending-upgrade', version: '2', createdAt: now };
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: recordKey(namespace, name, 2).name, namespace, labels },
    type: 'helm.sh/release.v1',
    data: dataOf({ ...record, version: 2, info }),
  };
  await cluster.create(secret as never, { fieldManager: 'Helm' });
}

/** The Secrets of a release, the oldest first. */
export async function recordsOf(cluster: Cluster, namespace: string, name: string): Promise<KubeObject[]> {
  const selector = { namespace, labelSelector: `owner=helm,name=${name}` };
  const { items } = await cluster.list({ group: '', version: 'v1', kind: 'Secret' }, selector);
  const versionIn = ({ metadata }: KubeObject): number => Number(metadata.labels?.['version']);
  return items.toSorted((a, b) => versionIn(a) - versionIn(b));
}
