import { Secrets } from '@plumb/agent';
import { asPlumbError } from '@plumb/api';
import { buildAfresh, printRelease } from '@plumb/preview';
import type { Context } from '../context.ts';
import { withHint } from '../preview.ts';
import { withRelease, type BuildReleaseOptions, type OpenedRelease } from '../release-preview.ts';
import { tellOf } from '../terminal/release-text.ts';

/** Prints what a HelmRelease releases, as the agent would render it, secrets masked. @returns the exit code */
export async function runBuildHelmRelease(
  options: BuildReleaseOptions,
  context: Context,
  [name = '']: readonly string[],
): Promise<number> {
  try {
    return await withRelease({ name, live: false }, options, context, (opened) => build(opened, options, context));
  } catch (thrown) {
    const { kubeconfig, helmreleaseFile: file } = options;
    throw withHint(asPlumbError(thrown), { kubeconfig, file });
  }
}

async function build(opened: OpenedRelease, options: BuildReleaseOptions, context: Context): Promise<number> {
  const { room, engine, signal } = opened;
  const declared = await opened.declare(new Secrets());
  const built = await buildAfresh({ declared, isUpgrade: options.isUpgrade, room, engine, signal });
  context.stdout.write(
    printRelease(built, { crds: options.includeCrds, hooks: !options.noHooks, notes: options.notes }),
  );
  context.stderr.write(tellOf(built));
  return 0;
}
