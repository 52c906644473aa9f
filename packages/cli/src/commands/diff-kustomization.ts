import { userError } from '@plumb/api';
import { diffUnit, rehearse } from '@plumb/preview';
import type { Context } from '../context.ts';
import type { PreviewOptions } from '../preview.ts';
import { withPreview } from '../preview.ts';
import { diffSummary, diffText } from '../terminal/diff-text.ts';
import { paintFor } from '../terminal/paint.ts';
import { rehearsalText } from '../terminal/rehearsal-text.ts';
import { endOf } from '../terminal/visible.ts';

const SAME = 0;
const DIFFERS = 1;
const FAILED = 2;
const LONGEST = 5 * 60_000;

/**
 * Shows what a Kustomization would change in the cluster, tried by server-side dry run.
 * @returns the exit code as `flux diff` has it: 0 nothing, 1 something, more than 1 it could not be told
 */
export async function runDiffKustomization(
  options: PreviewOptions,
  context: Context,
  [name = '']: readonly string[],
): Promise<number> {
  const { stdout, stderr, environment } = context;
  const paint = paintFor(stdout, environment);
  try {
    return await withPreview({ name, owned: true }, options, context, async ({ built, cluster }) => {
      if (cluster === null) throw userError('invalid-spec', 'diff compares with a cluster: give --kubeconfig');
      const signal = AbortSignal.timeout(LONGEST);
      const account = built.unit.spec.serviceAccountName;
      const as =
        account === undefined ? cluster : cluster.as(`system:serviceaccount:${built.ref.namespace}:${account}`);
      const diffs = await diffUnit({ cluster: as, built, signal });
      stdout.write(diffText(diffs, paint));
      if (options.rehearse) stdout.write(rehearsalText(await rehearse({ built, cluster: as, signal }), paint));
      stderr.write(`${diffs.length === 0 ? 'nothing would change' : diffSummary(diffs)}\n`);
      if (diffs.some(({ change }) => change === 'failed')) return FAILED;
      return diffs.length === 0 ? SAME : DIFFERS;
    });
  } catch (error) {
    stderr.write(endOf(error));
    return FAILED;
  }
}
