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
    name: 'crds',
    summary: 'print the definitions of the kinds that are served',
    load: async () => {
      const { runCrds } = await import('./commands/crds.ts');
      return { options: {}, run: runCrds };
    },
  },
];
