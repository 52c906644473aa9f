import type { Context } from './context.ts';
import type { OptionTable } from './options.ts';

/** A command: its words, and where its work is; that is loaded only when it runs. */
export interface Command {
  /** One word, or two. */
  name: string;
  /** What may stand behind the words, as commander writes it. */
  argument?: string;
  summary: string;
  load: () => Promise<{
    options: OptionTable;
    run: (values: never, context: Context, args: readonly string[]) => Promise<number>;
  }>;
}

const loadApprove: Command['load'] = async () => {
  const { approveOptions, runApprove } = await import('./commands/decide.ts');
  return { options: approveOptions, run: runApprove };
};

const loadReject: Command['load'] = async () => {
  const { rejectOptions, runReject } = await import('./commands/decide.ts');
  return { options: rejectOptions, run: runReject };
};

/** Everything `plumb` can do but `plumb kubectl`, whose words belong to kubectl. */
export const commands: readonly Command[] = [
  {
    name: 'sandbox',
    summary: 'run a throw-away cluster on this machine that follows an example Git repository',
    load: async () => {
      const { runSandbox, sandboxOptions } = await import('./commands/sandbox.ts');
      return { options: sandboxOptions, run: runSandbox };
    },
  },
  {
    name: 'agent',
    summary: 'run the agent against a cluster',
    load: async () => {
      const { agentOptions, runAgent } = await import('./commands/agent.ts');
      return { options: agentOptions, run: runAgent };
    },
  },
  {
    name: 'build kustomization',
    argument: '[name]',
    summary: 'print what a Kustomization declares, as the agent would build it; needs no cluster',
    load: async () => {
      const { runBuildKustomization } = await import('./commands/build-kustomization.ts');
      const { previewOptions } = await import('./preview.ts');
      return { options: previewOptions, run: runBuildKustomization };
    },
  },
  {
    name: 'diff kustomization',
    argument: '[name]',
    summary:
      'show what a Kustomization would change in the cluster, field by field; exits with 1 where something would',
    load: async () => {
      const { runDiffKustomization } = await import('./commands/diff-kustomization.ts');
      const { previewOptions } = await import('./preview.ts');
      return { options: previewOptions, run: runDiffKustomization };
    },
  },
  {
    name: 'build helmrelease',
    argument: '[name]',
    summary:
      'print what a HelmRelease releases, as the agent would render it; needs no cluster where the chart is here',
    load: async () => {
      const { runBuildHelmRelease } = await import('./commands/build-helmrelease.ts');
      const { buildReleaseOptions } = await import('./release-preview.ts');
      return { options: buildReleaseOptions, run: runBuildHelmRelease };
    },
  },
  {
    name: 'diff helmrelease',
    argument: '[name]',
    summary:
      'show what the agent would do to a release, field by field, or what another Git revision declares; exits with 1 where something differs',
    load: async () => {
      const { runDiffHelmRelease } = await import('./commands/diff-helmrelease.ts');
      const { diffReleaseOptions } = await import('./release-preview.ts');
      return { options: diffReleaseOptions, run: runDiffHelmRelease };
    },
  },
  {
    name: 'change list',
    summary: 'list the changes that gates hold or held, with what they wait for',
    load: async () => {
      const { changeListOptions, runChangeList } = await import('./commands/change-list.ts');
      return { options: changeListOptions, run: runChangeList };
    },
  },
  {
    name: 'change show',
    argument: '<name>',
    summary: 'show a change: every requirement with its verdict, and what becomes of each object',
    load: async () => {
      const { changeShowOptions, runChangeShow } = await import('./commands/change-show.ts');
      return { options: changeShowOptions, run: runChangeShow };
    },
  },
  {
    name: 'change diff',
    argument: '<name>',
    summary: 'show what a held change would do, field by field; exits with 1 where something would change',
    load: async () => {
      const { changeDiffOptions, runChangeDiff } = await import('./commands/change-diff.ts');
      return { options: changeDiffOptions, run: runChangeDiff };
    },
  },
  {
    name: 'change approve',
    argument: '<name>',
    summary: 'the same as plumb approve',
    load: loadApprove,
  },
  {
    name: 'change reject',
    argument: '<name>',
    summary: 'the same as plumb reject',
    load: loadReject,
  },
  {
    name: 'approve',
    argument: '<name>',
    summary: 'approve a change as it is now, and say what it waits for then; exits with 1 where it fails',
    load: loadApprove,
  },
  {
    name: 'reject',
    argument: '<name>',
    summary: 'reject a change as it is now',
    load: loadReject,
  },
  {
    name: 'lockdown on',
    argument: '[name]',
    summary: 'stop changes at once, of all units or of those that are selected, until a time',
    load: async () => {
      const { lockdownOnOptions, runLockdownOn } = await import('./commands/lockdown.ts');
      return { options: lockdownOnOptions, run: runLockdownOn };
    },
  },
  {
    name: 'lockdown off',
    argument: '<name>',
    summary: 'end a lockdown',
    load: async () => {
      const { lockdownOffOptions, runLockdownOff } = await import('./commands/lockdown.ts');
      return { options: lockdownOffOptions, run: runLockdownOff };
    },
  },
  {
    name: 'lockdown list',
    summary: 'list the lockdowns, with what they stop and why',
    load: async () => {
      const { lockdownListOptions, runLockdownList } = await import('./commands/lockdown.ts');
      return { options: lockdownListOptions, run: runLockdownList };
    },
  },
  {
    name: 'why',
    argument: '<kind/name>',
    summary: 'say whether a unit is held, and by which rules of which policies; or what state it is in',
    load: async () => {
      const { runWhy, whyOptions } = await import('./commands/why.ts');
      return { options: whyOptions, run: runWhy };
    },
  },
  {
    name: 'policy test',
    argument: '[folder]',
    summary:
      'judge what the units of a folder, or of a Git revision, declare by policies of files; needs no cluster; exits with 1 where something is denied',
    load: async () => {
      const { policyTestOptions, runPolicyTest } = await import('./commands/policy-test.ts');
      return { options: policyTestOptions, run: runPolicyTest };
    },
  },
  {
    name: 'policy check',
    argument: '[folder]',
    summary:
      'judge what a branch changes in the units of a repository, for pull requests; exits with 1 where something is denied',
    load: async () => {
      const { policyCheckOptions, runPolicyCheck } = await import('./commands/policy-check.ts');
      return { options: policyCheckOptions, run: runPolicyCheck };
    },
  },
  {
    name: 'crds',
    summary: 'print the definitions of the kinds that are served',
    load: async () => {
      const { crdsOptions, runCrds } = await import('./commands/crds.ts');
      return { options: crdsOptions, run: runCrds };
    },
  },
];
