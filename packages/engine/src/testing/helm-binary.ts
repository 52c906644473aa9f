import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HelmText } from '../helm.ts';

/** Upstream's helm, of another release than the library in the engine: the set-up unpacks it. */
const helmPath = fileURLToPath(new URL('../../../../build/helm', import.meta.url));

export interface HelmRun {
  chart: Uint8Array;
  values?: string | undefined;
  flags?: readonly string[];
}

/** What a release record of `helm install --dry-run` holds. */
export interface DryRun {
  info: { notes?: string };
  chart: unknown;
  config?: unknown;
  /** Left out where it is empty. */
  manifest?: string;
  hooks?: unknown[];
}

/** The documents that `helm template` prints, CRDs and hooks among them, with the file that each is from. */
export async function helmTemplate(run: HelmRun): Promise<HelmText[]> {
  const printed = await helm('template', { ...run, flags: ['--include-crds', ...(run.flags ?? [])] });
  return documentsOf(printed);
}

export async function helmInstall(run: HelmRun): Promise<DryRun> {
  return JSON.parse(await helm('install', { ...run, flags: ['--dry-run=client', '--output=json'] })) as DryRun;
}

export function documentsOf(manifest = ''): HelmText[] {
  return manifest
    .split(/^---\n# Source: /m)
    .slice(1)
    .map((document) => {
      const end = document.indexOf('\n');
      return { path: document.slice(0, end), text: document.slice(end + 1).replace(/\n$/, '') };
    });
}

/** @throws what helm prints to standard error */
async function helm(command: string, { chart, values = '', flags = [] }: HelmRun): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'plumb-helm-'));
  try {
    writeFileSync(join(folder, 'chart.tgz'), chart);
    writeFileSync(join(folder, 'values.yaml'), values);
    const args = [command, 'shop', 'chart.tgz', '--namespace=apps', '--values=values.yaml', ...flags];
    // No cluster, no configuration of the user's, no time zone of the machine's.
    const env = { HOME: folder, TZ: 'UTC', KUBECONFIG: join(folder, 'none') };
    return await new Promise((resolve, reject) => {
      execFile(helmPath, args, { cwd: folder, env, maxBuffer: 1e8 }, (error, stdout, stderr) =>
        error === null ? resolve(stdout) : reject(new Error(stderr)),
      );
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
