import { asPlumbError, PlumbError } from '@plumb/api';
import { printBuilt, rehearse } from '@plumb/preview';
import type { Context } from '../context.ts';
import type { PreviewOptions } from '../preview.ts';
import { withPreview } from '../preview.ts';
import { paintFor } from '../terminal/paint.ts';
import { rehearsalText } from '../terminal/rehearsal-text.ts';

/** Prints what a Kustomization declares, as the agent would build it, secrets masked. @returns the exit code */
export async function runBuildKustomization(
  options: PreviewOptions,
  context: Context,
  [name = '']: readonly string[],
): Promise<number> {
  try {
    return await build(name, options, context);
  } catch (thrown) {
    throw withHint(asPlumbError(thrown), options);
  }
}

/** A kubeconfig may be there for other commands: what stands in files needs none. */
function withHint(error: PlumbError, { kubeconfig, kustomizationFile }: PreviewOptions): PlumbError {
  const isOfCluster = error.code.startsWith('api-') || error.message.includes(kubeconfig);
  if (kubeconfig === '' || kustomizationFile === '' || !isOfCluster) return error;
  const text = `${error.message}; with --kubeconfig '' no cluster is asked for what the files do not have`;
  return new PlumbError(error.code, text, { fault: error.fault, policy: error.policy, cause: error });
}

function build(name: string, options: PreviewOptions, context: Context): Promise<number> {
  return withPreview({ name, owned: options.rehearse }, options, context, async ({ built, cluster }) => {
    if (!options.rehearse) {
      context.stdout.write(printBuilt(built));
      return 0;
    }
    const rehearsal = await rehearse({ built, cluster, signal: AbortSignal.timeout(REHEARSAL) });
    context.stdout.write(rehearsalText(rehearsal, paintFor(context.stdout, context.environment)));
    return rehearsal.error === null ? 0 : 1;
  });
}

const REHEARSAL = 5 * 60_000;
