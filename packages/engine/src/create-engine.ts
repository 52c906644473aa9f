import { availableParallelism } from 'node:os';
import { celArguments, celErrors, celRuns, celValues } from './cel.ts';
import type { Engine, EngineOptions, KustomizeObject, KustomizeResult } from './engine.ts';
import { chartFile, mergedValues, rendered, templateCall, valuesCall } from './helm.ts';
import type { HelmChartMetadata } from './helm.ts';
import { openpgpFiles, openpgpVerdict } from './openpgp.ts';
import { Pool } from './pool.ts';
import type { Reply } from './protocol.ts';
import { splitBody } from './split-body.ts';
import { substituted, textFiles } from './substitute.ts';

/** Milliseconds that one call may take of a process, whatever its unit allows itself: processes are few, and others wait for them. */
const longestBuild = 300_000;
const longestTemplate = 60_000;
const longestSubstitution = 30_000;
const longestHelm = 30_000;

/** Starts no process yet: helpers come with the first call and go when idle. */
export function createEngine(options: EngineOptions): Engine {
  const pool = new Pool({
    path: options.path,
    slots: Math.max(1, options.slots ?? availableParallelism()),
    idleTimeout: options.idleTimeout ?? 60_000,
    memoryLimit: options.memoryLimit ?? 768 * 1024 * 1024,
    environment: {},
  });
  return {
    async kustomizeBuild({ path, ...more }) {
      const call = { op: 'kustomize.build', args: { path }, longest: longestBuild, ...more };
      return kustomizeResult(await pool.call(call));
    },
    async substitute({ objects, variables, strict, ...more }) {
      if (objects.length === 0) return [];
      const args = { variables, strict };
      const files = textFiles(objects);
      const reply = await pool.call({ op: 'substitute', args, files, longest: longestSubstitution, ...more });
      return substituted(reply, objects.length);
    },
    async celCheck({ mode, expressions, ...more }) {
      if (expressions.length === 0) return [];
      const args = celArguments(mode, expressions);
      const reply = await pool.call({ op: 'cel.check', args, files: [], ...more });
      return celErrors(reply, expressions.length);
    },
    async celEval({ mode, expressions, inputs, ...more }) {
      if (inputs.length === 0) return [];
      const { runs, files } = celRuns(inputs);
      const args = { ...celArguments(mode, expressions), runs };
      return celValues(await pool.call({ op: 'cel.eval', args, files, ...more }), inputs.length);
    },
    async openpgpVerify({ payload, signature, keyRings, ...more }) {
      const files = openpgpFiles({ payload, signature, keyRings });
      return openpgpVerdict(await pool.call({ op: 'openpgp.verify', args: {}, files, ...more }));
    },
    async helmValues({ layers, over, ...more }) {
      const call = {
        op: 'helm.values',
        ...valuesCall({ layers, ...(over !== undefined && { over }) }),
        longest: longestHelm,
        ...more,
      };
      return mergedValues(await pool.call(call));
    },
    async helmChart({ chart, ...more }) {
      const call = { op: 'helm.chart', args: {}, files: [chartFile(chart)], longest: longestHelm, ...more };
      return (await pool.call(call)).result as HelmChartMetadata;
    },
    async helmTemplate({ deadline, tenant, signal, ...asked }) {
      const call = { op: 'helm.template', ...templateCall(asked), longest: longestTemplate };
      return rendered(await pool.call({ ...call, deadline, tenant, signal }));
    },
    async helmDigest({ record, ociDigest, ...more }) {
      const call = {
        op: 'helm.digest',
        args: { ociDigest },
        files: textFiles([record]),
        longest: longestHelm,
        ...more,
      };
      return ((await pool.call(call)).result as { digest: string }).digest;
    },
    usage: async () => pool.usage(),
    close: () => pool.close(),
  };
}

function kustomizeResult(reply: Reply): KustomizeResult {
  const { objects } = reply.result as { objects: { size: number; origin: string }[] };
  const texts = splitBody(
    reply.body,
    objects.map(({ size }) => size),
  );
  const parsed = objects.map(({ origin }, index): KustomizeObject => ({ json: texts[index] ?? '', origin }));
  return { objects: parsed, warnings: reply.warnings };
}
