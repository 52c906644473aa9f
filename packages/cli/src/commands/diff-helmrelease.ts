import { type ObjectDiff, Secrets } from '@plumb/agent';
import { asPlumbError, userError } from '@plumb/api';
import type { BuiltRelease, DeclaredRelease } from '@plumb/preview';
import { buildAfresh, compareReleases, declaredDifferences, diffRelease } from '@plumb/preview';
import type { Context } from '../context.ts';
import { withHint } from '../preview.ts';
import { withRelease, type DiffReleaseOptions, type OpenedRelease } from '../release-preview.ts';
import { diffSummary, diffText } from '../terminal/diff-text.ts';
import { paintFor } from '../terminal/paint.ts';
import { headText, releaseDiffSummary, releaseDiffText, tellOf } from '../terminal/release-text.ts';
import { endOf } from '../terminal/visible.ts';

const SAME = 0;
const DIFFERS = 1;
const FAILED = 2;

/**
 * Shows what the agent would do to a release, tried by server-side dry run; or what its declaration at another Git revision has otherwise.
 * @returns the exit code as `flux diff` has it: 0 nothing, 1 something, more than 1 it could not be told
 */
export async function runDiffHelmRelease(
  options: DiffReleaseOptions,
  context: Context,
  [name = '']: readonly string[],
): Promise<number> {
  const { against, kubeconfig, helmreleaseFile: file } = options;
  try {
    return await withRelease({ name, live: against === '' }, options, context, (opened) =>
      against === '' ? diffWithCluster(opened, context) : diffWithRevision(opened, against, context),
    );
  } catch (thrown) {
    const error = asPlumbError(thrown);
    context.stderr.write(endOf(against === '' ? error : withHint(error, { kubeconfig, file })));
    return FAILED;
  }
}

async function diffWithCluster(opened: OpenedRelease, { stdout, stderr, environment }: Context): Promise<number> {
  const { cluster, room, engine, signal } = opened;
  if (cluster === null)
    throw userError(
      'invalid-spec',
      'diff compares with a cluster: give --kubeconfig, or --against with a Git revision to compare with',
    );
  const declared = await opened.declare(new Secrets());
  const diff = await diffRelease({ declared, cluster, room, engine, signal });
  stdout.write(releaseDiffText(diff, paintFor(stdout, environment)));
  stderr.write(tellOf({ warnings: diff.notes, assumptions: [] }));
  stderr.write(`${releaseDiffSummary(diff)}\n`);
  if (hasFailed(diff.objects)) return FAILED;
  return diff.acts ? DIFFERS : SAME;
}

/** Both are rendered as for an install, in the same cluster, or without one. */
async function diffWithRevision(
  opened: OpenedRelease,
  revision: string,
  { stdout, stderr, environment }: Context,
): Promise<number> {
  const secrets = new Secrets();
  const then = await opened.declareAt(revision, secrets);
  const now = await opened.declare(secrets);
  const before = then === null ? null : await render(then, opened);
  const after = await render(now, opened);
  const details = declaredDifferences(then, now);
  const diffs = compareReleases(before, after);
  const paint = paintFor(stdout, environment);
  if (details.length > 0) stdout.write(headText(`compared with ${revision}`, details, paint));
  stdout.write(diffText(diffs, paint));
  stderr.write(tellOf(after));
  if (diffs.length > 0) stderr.write(`${diffSummary(diffs)}\n`);
  else stderr.write(`${details.length > 0 ? 'no object' : 'nothing'} differs from ${revision}\n`);
  return diffs.length === 0 && details.length === 0 ? SAME : DIFFERS;
}

function hasFailed(diffs: readonly ObjectDiff[]): boolean {
  return diffs.some(({ change }) => change === 'failed');
}

function render(declared: DeclaredRelease, { room, engine, signal }: OpenedRelease): Promise<BuiltRelease> {
  return buildAfresh({ declared, isUpgrade: false, room, engine, signal });
}
