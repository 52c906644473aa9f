import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SshSettings } from './client.ts';

const CLIENT = pathToFileURL(join(import.meta.dirname, 'client.ts')).href;

/**
 * Writes the program that git is to run for ssh, and its settings, into a folder that only we can read.
 * @returns git's variables for it
 */
export async function writeLauncher(folder: string, settings: SshSettings): Promise<Record<string, string>> {
  const program = join(folder, 'ssh');
  const file = join(folder, 'ssh.json');
  await writeFile(file, JSON.stringify(settings), { mode: 0o600 });
  const text = [
    `#!${process.execPath}`,
    `import(${JSON.stringify(CLIENT)}).then(({ runSsh }) =>`,
    `  runSsh(process.argv.slice(2), ${JSON.stringify(file)}, process.env.GIT_PROTOCOL));`,
    '',
  ];
  await writeFile(program, text.join('\n'), { mode: 0o700 });
  await chmod(program, 0o700);
  return { GIT_SSH: program, GIT_SSH_VARIANT: 'ssh' };
}
