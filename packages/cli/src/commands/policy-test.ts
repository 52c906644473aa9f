import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { systemError, userError, type KubeObject } from '@plumb/api';
import {
  judgeKnown,
  policiesAmong,
  readRecorded,
  replayRecorded,
  readRepository,
  runPolicies,
  type PolicyReport,
  type PolicyRun,
  type Repository,
  type RepositoryTools,
  type UnitVerdict,
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

export const policyTestOptions = {
  policy: list('-f, --policy <paths>', 'files or folders of the policies, and lockdowns, to judge by'),
  revision: text('--revision <revision>', null, 'judge this Git revision, not the files as they stand'),
  base: text(
    '--base <revision>',
    null,
    'what was there before: only what changes since is judged, with oldObject and deletions; by default nothing was',
  ),
  change: list(
    '--change <files>',
    'judge changes as clusters recorded them (ChangePlan, JSON), not a folder; without policies by what was recorded with them',
  ),
  ...policyOptions,
} as const;

export type PolicyTestOptions = OptionValues<typeof policyTestOptions>;

/** Judges what a folder, or a revision, declares by policies of files, without any cluster. @returns the exit code */
export function runPolicyTest(
  options: PolicyTestOptions,
  context: Context,
  [asked = '']: readonly string[],
): Promise<number> {
  return tellReport(judge(options, context, asked), options, context);
}

async function judge(options: PolicyTestOptions, context: Context, asked: string): Promise<PolicyReport> {
  const { namespace, policy, change } = options;
  if (policy.length === 0 && change.length === 0)
    throw userError('invalid-spec', 'say which policies are tested: --policy policy.yaml');
  if (change.length > 0) refuseBeside(options, asked);
  if (policy.length === 0) {
    refuseOther(options);
    return replayAll(change, context);
  }
  const [now, approvedBy] = [timeOf(options), approversOf(options)];
  const objects = await policyObjects(policy, context);
  const given = [...(await givenObjects(options)), ...lookedUp(objects, namespace)];
  return withTools(options, context, async (tools) => {
    const { engine, signal } = tools;
    const { policies, lockdowns, flaws } = await policiesAmong(objects, namespace, engine);
    refuseFlawed(flaws);
    const circumstances = { policies, lockdowns, approvedBy, now, engine, signal };
    if (change.length > 0) return judgeRecorded(options, { ...circumstances, objects: given }, context);
    const declared = await readDeclared(placeOf(asked, context), options, { given, tools });
    return runPolicies({ ...declared, ...circumstances, given });
  });
}

function refuseBeside({ revision, base }: PolicyTestOptions, asked: string): void {
  if (asked === '' && revision === '' && base === '') return;
  throw userError('invalid-spec', '--change has all that is judged: no folder, --revision or --base beside it');
}

function refuseOther({ with: given, approvedBy, at }: PolicyTestOptions): void {
  if (given === '' && approvedBy.length === 0 && at === '') return;
  const why = 'without --policy a recorded change is judged by what was recorded with it';
  throw userError('invalid-spec', `${why}: no --with, --approved-by or --at beside it`);
}

async function judgeRecorded(
  { change: files, at }: Pick<PolicyTestOptions, 'change' | 'at'>,
  circumstances: Parameters<typeof judgeKnown>[1],
  context: Context,
): Promise<PolicyReport> {
  const verdicts: UnitVerdict[] = [];
  for (const file of files) {
    const known = readRecorded(file, await textOf(file, context));
    const now = at === '' ? (known.at ?? circumstances.now) : circumstances.now;
    verdicts.push(await judgeKnown(known, { ...circumstances, now }));
  }
  return reportOf(verdicts);
}

/** What clusters found, by nothing but what they recorded. */
async function replayAll(files: readonly string[], context: Context): Promise<PolicyReport> {
  const verdicts: UnitVerdict[] = [];
  for (const file of files) verdicts.push(replayRecorded(file, await textOf(file, context)));
  return reportOf(verdicts);
}

function reportOf(verdicts: UnitVerdict[]): PolicyReport {
  return { verdicts, unjudged: [], failures: [], unchanged: 0, notes: [] };
}

function textOf(file: string, { folder }: Context): Promise<string> {
  return readFile(resolve(folder, file), 'utf8').catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw systemError('invalid-path', `${file} cannot be read: ${why}`);
  });
}

async function readDeclared(
  { root, folder }: ReturnType<typeof placeOf>,
  { revision, base, namespace, source }: PolicyTestOptions,
  { given, tools }: { given: readonly KubeObject[]; tools: RepositoryTools },
): Promise<Pick<PolicyRun, 'head' | 'base' | 'authors'>> {
  const read = (at: string, mayBeEmpty: boolean): Promise<Repository> =>
    readRepository({ root, folder, revision: at, namespace, sources: source, given, mayBeEmpty, tools });
  const head = await read(revision, base !== '');
  const before = base === '' ? null : await read(base, true);
  if (revision === '') return { head, base: before, authors: NO_COMMIT };
  const { authors } = await localRange({ dir: root, head: revision, base, env: tools.env });
  return { head, base: before, authors: 'unknown' in authors ? authors : { ...authors, verified: false } };
}

const NO_COMMIT = { unknown: 'the files as they stand are no commit: --revision names one' };
