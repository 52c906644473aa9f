import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildProgram, describeProgram, programPath } from '../tools/setup/program.js';
import type { Usage } from './usage.ts';
import { usageOf } from './usage.ts';

/** Everything spent up to a moment. */
export interface Spent {
  usage: Usage;
  /** What the agent's JavaScript holds, in and outside its heap, in KiB. */
  held: number;
  /** Requests to the API server by `verb resource`. */
  requests: ReadonlyMap<string, number>;
}

/** How an agent is run. */
export interface Manner {
  /** A folder: the agent runs from its sources, which is a little slower, and leaves its CPU profile there when it ends. Null for none. */
  profile: string | null;
  /** Whether it takes part in leader election, as an installed one does. */
  leases: boolean;
}

/** `plumb agent` as users run it: a process of its own, read through /proc and its metrics. */
export class AgentProcess {
  readonly #child: ChildProcess;
  readonly #metricsPort: number;

  private constructor(child: ChildProcess, metricsPort: number) {
    this.#child = child;
    this.#metricsPort = metricsPort;
  }

  static async start(options: { root: string; kubeconfig: string; dir: string } & Manner): Promise<AgentProcess> {
    const { root, kubeconfig, dir, profile, leases } = options;
    await buildProgram(root, describeProgram(root), process.execPath);
    const program =
      profile === null
        ? [programPath(root)]
        : ['--cpu-prof', `--cpu-prof-dir=${profile}`, join(root, 'packages/cli/src/main.ts')];
    const ports = ['--metrics-port', '0', '--health-port', '0', '--storage-port', '0'];
    const settings = ['--kubeconfig', kubeconfig, '--enable-leader-election', `${leases}`];
    const args = [...program, 'agent', '--data-dir', join(dir, 'agent'), ...ports, ...settings];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const log = createWriteStream(join(dir, 'agent.log'));
    const started = Promise.withResolvers<number>();
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.write(`${line}\n`);
      const { msg, metricsPort } = JSON.parse(line) as { msg: string; metricsPort?: number };
      if (msg === 'agent started' && metricsPort !== undefined) started.resolve(metricsPort);
    });
    child.once('exit', (code) => started.reject(new Error(`the agent ended with code ${code} before it started`)));
    return new AgentProcess(child, await started.promise);
  }

  async spent(): Promise<Spent> {
    const usage = await usageOf(this.#child.pid ?? 0);
    const metrics = await this.#metrics();
    return { usage, held: heldIn(metrics), requests: countRequests(metrics) };
  }

  /** Resolves when this many runs of Kustomizations have ended well since the agent started, and none waits. */
  async untilSettled(units: number): Promise<void> {
    for (;;) {
      const metrics = await this.#metrics();
      const done = /^controller_runtime_reconcile_total\{controller="kustomization",result="success"\} (\d+)$/m.exec(
        metrics,
      )?.[1];
      const waiting = /^plumb_queue_depth (\d+)$/m.exec(metrics)?.[1];
      if (Number(done ?? 0) >= units && waiting === '0') return;
      await sleep(50);
    }
  }

  async #metrics(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`);
    return response.text();
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
  }
}

function heldIn(metrics: string): number {
  const found = metrics.matchAll(/^nodejs_(?:heap_size_used|external_memory)_bytes (\d+)$/gm);
  return found.reduce((sum, [, bytes]) => sum + Number(bytes) / 1_024, 0);
}

function countRequests(metrics: string): Map<string, number> {
  const requests = new Map<string, number>();
  const pattern = /^plumb_api_requests_total\{verb="([^"]*)",resource="([^"]*)",code="[^"]*"\} (\d+)$/gm;
  for (const [, verb, resource, count] of metrics.matchAll(pattern)) {
    const name = `${verb} ${resource}`;
    requests.set(name, (requests.get(name) ?? 0) + Number(count));
  }
  return requests;
}

/** What one measured piece of work cost. */
export interface Cost {
  cpuSeconds: number;
  agentCpuSeconds: number;
  childrenCpuSeconds: number;
  peakRssMiB: number;
  childrenPeakRssMiB: number;
  requests: number;
  requestsByVerb: Record<string, number>;
}

export function costBetween(before: Spent, after: Spent): Cost {
  const requestsByVerb: Record<string, number> = {};
  let requests = 0;
  for (const [name, count] of after.requests) {
    const made = count - (before.requests.get(name) ?? 0);
    if (made === 0) continue;
    const verb = name.split(' ', 1)[0] ?? name;
    requestsByVerb[verb] = (requestsByVerb[verb] ?? 0) + made;
    requests += made;
  }
  const agentCpuSeconds = round(after.usage.own - before.usage.own);
  const childrenCpuSeconds = round(after.usage.children - before.usage.children);
  const cpuSeconds = round(agentCpuSeconds + childrenCpuSeconds);
  return {
    cpuSeconds,
    agentCpuSeconds,
    childrenCpuSeconds,
    peakRssMiB: Math.round(after.usage.peakRss),
    childrenPeakRssMiB: Math.round(after.usage.childrenPeakRss),
    requests,
    requestsByVerb,
  };
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
