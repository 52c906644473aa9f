import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withoutDecryption } from '@plumb/agent';
import type { KubeObject } from '@plumb/api';
import type { PolicyFacts } from '@plumb/core';
import { createEngine } from '@plumb/engine';
import { createRenderer } from '@plumb/render';
import { createDownloads } from '@plumb/sources';
import { runPolicies, type PolicyReport, type PolicyRun } from '../policy-run.ts';
import { readRepository, type Repository, type RepositoryRequest, type RepositoryTools } from '../read-repository.ts';

const ENGINE = fileURLToPath(new URL('../../../../../build/engine', import.meta.url));

/** Runs git in a folder. */
type Git = (dir: string, args: readonly string[]) => string;

/** A repository of a fleet, and what judges it. */
export class PolicyBench implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'plumb-policy-'));
  readonly tools: RepositoryTools;

  readonly #git: Git;

  /** @param env of git */
  constructor(git: Git, env: Record<string, string>) {
    this.#git = git;
    const engine = createEngine({ path: ENGINE, slots: 1 });
    this.tools = {
      engine,
      renderer: createRenderer({ engine }),
      decryption: withoutDecryption,
      remotes: null,
      downloads: createDownloads({ dir: join(this.dir, '.git/charts'), env: {} }),
      kubeVersion: '',
      env,
      signal: new AbortController().signal,
    };
    this.git('init', '--quiet', '--initial-branch=main');
  }

  git(...args: string[]): string {
    return this.#git(this.dir, args);
  }

  /** Writes files: objects as JSON, texts as they are; null removes one. */
  write(files: Readonly<Record<string, object | string | readonly object[] | null>>): void {
    for (const [path, content] of Object.entries(files)) {
      const file = join(this.dir, path);
      if (content === null) rmSync(file);
      else {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, textOf(content));
      }
    }
  }

  commit(files: Parameters<PolicyBench['write']>[0] = {}, by = 'Ada'): string {
    this.write(files);
    this.git('add', '--all');
    const who = ['-c', `user.name=${by}`, '-c', `user.email=${by.toLowerCase()}@example.test`];
    this.git(...who, 'commit', '--quiet', '--message', `By ${by}`);
    return this.git('rev-parse', 'HEAD');
  }

  read(over: Partial<RepositoryRequest> = {}): Promise<Repository> {
    const { dir: root, tools } = this;
    const usual = { root, folder: '', revision: '', namespace: 'flux-system', sources: [], given: [] };
    return readRepository({ ...usual, mayBeEmpty: false, tools, ...over });
  }

  /** Judges the files as they stand. @param base a revision */
  async judge(
    policies: readonly PolicyFacts[],
    base: string | null = null,
    over: Partial<PolicyRun> = {},
  ): Promise<PolicyReport> {
    const { engine, signal } = this.tools;
    return runPolicies({
      head: await this.read({ mayBeEmpty: true }),
      base: base === null ? null : await this.read({ revision: base, mayBeEmpty: true }),
      policies,
      lockdowns: [],
      given: [],
      approvedBy: [],
      authors: { unknown: 'nobody asked' },
      now: Date.parse('2026-11-03T12:00:00Z'),
      engine,
      signal,
      ...over,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tools.downloads.close();
    await this.tools.engine.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function textOf(content: object | string | readonly object[]): string {
  if (typeof content === 'string') return content;
  return (Array.isArray(content) ? content : [content]).map((one) => JSON.stringify(one)).join('\n---\n');
}

/** A Kustomization of the folder of its name. */
export function kustomization(name: string, spec: object = {}): KubeObject {
  const sourceRef = { kind: 'GitRepository', name: 'fleet' };
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name, namespace: 'flux-system' },
    spec: { interval: '10m', prune: true, path: `./${name}`, sourceRef, ...spec },
  };
}

export function configMap(name: string, data: Record<string, string>, namespace = 'shop'): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

export function clusterPolicy(spec: PolicyFacts['spec'], name = 'rules'): PolicyFacts {
  return { kind: 'ClusterReleasePolicy', namespace: '', name, generation: 1, spec, flaw: null };
}
