import type { Context } from './context.ts';
import type { OptionTable } from './options.ts';

/** A command: its words, and where its work is; that is loaded only when it runs. */
export interface Command {
  name: string;
  summary: string;
  load: () => Promise<{ options: OptionTable; run: (values: never, context: Context) => Promise<number> }>;
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
    name: 'crds',
    summary: 'print the definitions of the kinds that are served',
    load: async () => {
      const { runCrds } = await import('./commands/crds.ts');
      return { options: {}, run: runCrds };
    },
  },
];
