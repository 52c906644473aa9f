import { join, resolve } from 'node:path';
import { startSandbox } from '@plumb/sandbox';
import type { Context } from '../context.ts';
import { decryptProgram } from '../decryption.ts';
import { gitEnvironment } from '../git-environment.ts';
import { flag, text } from '../options.ts';
import type { OptionValues } from '../options.ts';
import { jsonScreen } from '../terminal/json-screen.ts';
import { liveScreen } from '../terminal/live-screen.ts';
import { plainScreen } from '../terminal/plain-screen.ts';
import type { Screen } from '../terminal/screen.ts';

export const sandboxOptions = {
  fresh: flag('--fresh', null, 'forget what an earlier start left: cluster, repository and artifacts'),
  plain: flag('--plain', null, 'print lines instead of a live view; a pipe gets them anyway'),
  json: flag('--json', null, 'print one JSON object a line'),
  dir: text('--dir <path>', null, 'folder for all it keeps; by default .plumb in the clone'),
} as const;

/** Starts the sandbox and shows it until it is told to stop. @returns the exit code */
export async function runSandbox(options: OptionValues<typeof sandboxOptions>, context: Context): Promise<number> {
  const began = Date.now();
  const screen = screenFor(options, context);
  const stopped = context.untilStopped();
  try {
    const sandbox = await startSandbox({
      clusterPath: join(context.root, 'build', 'cluster'),
      enginePath: join(context.root, 'build', 'engine'),
      decryptPath: decryptProgram(context.root),
      dir: options.dir === '' ? join(context.root, '.plumb') : resolve(options.dir),
      fresh: options.fresh,
      gitEnvironment: gitEnvironment(context.environment),
      host: screen,
    });
    const { url, kubeconfig, git } = sandbox;
    screen.addresses({ url, kubeconfig, git });
    void sandbox.ready.then(() => screen.ready({ url, kubeconfig, git }, (Date.now() - began) / 1_000));
    await stopped;
    screen.stopping();
    await sandbox.stop();
    return 0;
  } finally {
    screen.close();
  }
}

function screenFor(options: OptionValues<typeof sandboxOptions>, { stdout }: Context): Screen {
  const write = (text: string): void => void stdout.write(text);
  if (options.json) return jsonScreen(write, Date.now);
  if (options.plain || stdout.isTTY !== true) return plainScreen(write, Date.now);
  return liveScreen(write, Date.now, () => stdout.columns);
}
