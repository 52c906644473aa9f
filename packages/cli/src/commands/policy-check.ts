import { userError, type KubeObject } from '@plumb/api';
import type { LockdownFacts, PolicyFacts } from '@plumb/core';
import {
  clusterPolicies,
  policiesAmong,
  readRepository,
  runPolicies,
  type PolicyReport,
  type Repository,
  type RepositoryTools,
} from '@plumb/preview';
import { localRange } from '@plumb/sources';
import type { Context } from '../context.ts';
import { list, text, type OptionValues } from '../options.ts';
import {
  approversOf,
  givenObjects,
  lookedUp,
  placeOf,
  policyObjects,
  policyOptions,
  refuseFlawed,
  tellReport,
  timeOf,
  withTools,
} from '../policy.ts';
import { clusterOf, commonOptions } from '../preview.ts';

export const policyCheckOptions = {
  base: text('--base <revision>', null, 'the branch that is merged into; what it has already is not judged', 'main'),
  policy: list(
    '-f, --policy <paths>',
    'files or folders of the policies, and lockdowns, to judge by; by default the policies of the cluster',
  ),
  kubeconfig: commonOptions.kubeconfig,
  context: commonOptions.context,
  ...policyOptions,
} as const;

export type PolicyCheckOptions = OptionValues<typeof policyCheckOptions>;

/** Judges what a branch changes in the units of a repository. @returns the exit code */
export function runPolicyCheck(
  options: PolicyCheckOptions,
  context: Context,
  [asked = '']: readonly string[],
): Promise<number> {
  return tellReport(judge(options, context, asked), options, context);
}

async function judge(options: PolicyCheckOptions, context: Context, asked: string): Promise<PolicyReport> {
  const { base, namespace, source } = options;
  const [now, approvedBy] = [timeOf(options), approversOf(options)];
  return withTools(options, context, async (tools) => {
    const { engine, env, signal } = tools;
    const { policies, lockdowns, objects } = await policiesFor(options, context, tools);
    const given = [...(await givenObjects(options)), ...objects];
    const { root, folder } = placeOf(asked, context);
    const range = await localRange({ dir: root, head: 'HEAD', base, env });
    const read = (revision: string): Promise<Repository> =>
      readRepository({ root, folder, revision, namespace, sources: source, given, mayBeEmpty: true, tools });
    const { authors, isDirty, fork } = range;
    const report = await runPolicies({
      head: await read(''),
      base: await read(fork ?? ''),
      policies,
      lockdowns,
      given,
      approvedBy,
      authors: 'unknown' in authors ? authors : { ...authors, verified: false },
      now,
      engine,
      signal,
    });
    return isDirty ? { ...report, notes: [...report.notes, DIRTY] } : report;
  });
}

const DIRTY = 'the folder has changes that are no commit yet: they are judged too, though nobody tells whose they are';

async function policiesFor(
  options: PolicyCheckOptions,
  context: Context,
  { engine, signal }: RepositoryTools,
): Promise<{ policies: PolicyFacts[]; lockdowns: LockdownFacts[]; objects: KubeObject[] }> {
  const { policy, namespace } = options;
  if (policy.length > 0) {
    const objects = await policyObjects(policy, context);
    const { policies, lockdowns, flaws } = await policiesAmong(objects, namespace, engine);
    refuseFlawed(flaws);
    return { policies, lockdowns, objects: lookedUp(objects, namespace) };
  }
  const cluster = await clusterOf(options);
  if (cluster === null)
    throw userError(
      'invalid-spec',
      'there are no policies to judge by: give their files (--policy), or their cluster (--kubeconfig)',
    );
  try {
    return { ...(await clusterPolicies(cluster, signal)), lockdowns: [] };
  } finally {
    await cluster.close();
  }
}
