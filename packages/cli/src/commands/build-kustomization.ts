import { asPlumbError } from '@plumb/api';
import { printBuilt, rehearse } from '@plumb/preview';
import type { Context } from '../context.ts';
import type { PreviewOptions } from '../preview.ts';
import { withHint, withPreview } from '../preview.ts';
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
    const { kubeconfig, kustomizationFile: file } = options;
    throw withHint(asPlumbError(thrown), { kubeconfig, file });
  }
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
