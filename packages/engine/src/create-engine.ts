import { availableParallelism } from 'node:os';
import { EngineError } from './engine.ts';
import type { Engine, EngineOptions, KustomizeObject, KustomizeResult } from './engine.ts';
import { Pool } from './pool.ts';
import type { Reply } from './protocol.ts';

/** Starts no process yet: helpers come with the first call and go when idle. */
export function createEngine(options: EngineOptions): Engine {
  const pool = new Pool({
    path: options.path,
    slots: Math.max(1, options.slots ?? availableParallelism()),
    idleTimeout: options.idleTimeout ?? 60_000,
    memoryLimit: options.memoryLimit ?? 768 * 1024 * 1024,
  });
  return {
    async kustomizeBuild({ files, path, deadline, signal }) {
      return kustomizeResult(await pool.call({ op: 'kustomize.build', args: { path }, files, deadline, signal }));
    },
    usage: async () => pool.usage(),
    close: () => pool.close(),
  };
}

/** The body holds the objects one after another; the header says how long each is. */
function kustomizeResult(reply: Reply): KustomizeResult {
  const { objects } = reply.result as { objects: { size: number; origin: string }[] };
  let at = 0;
  const parsed = objects.map(({ size, origin }): KustomizeObject => {
    const json = reply.body.toString('utf8', at, at + size);
    at += size;
    return { json, origin };
  });
  if (at !== reply.body.byteLength)
    throw new EngineError('protocol', 'the helper sent objects that do not fill its answer');
  return { objects: parsed, warnings: reply.warnings };
}
