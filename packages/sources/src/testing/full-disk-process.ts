/**
 * Runs sources on a disk that has no room any more, and prints what failed. Arguments: what fails (`fetch`, `publish`, `inodes`), how the disk is filled
 * (`disk`: it is written full; `limit`: no file may grow), its folder, the url.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createGitSources } from '../create-git-sources.ts';
import { failureOf, SHOP } from './lab.ts';

const [what = '', how = '', root = '', url = ''] = process.argv.slice(2);
const sources = createGitSources({ dir: join(root, 'plumb') });
const ask = (branch: string) => sources.resolve(SHOP, { url, ref: { branch }, auth: {}, timeout: 20_000 });

await sources.publish(SHOP, await ask('main'));
const big = what === 'publish' ? await ask('big') : null;
if (how === 'limit') execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=1024:']);
else fill(what === 'inodes' ? 0 : 4096);
const { message, code } = await failureOf(big === null ? ask('big') : sources.publish(SHOP, big));
process.stdout.write(JSON.stringify({ message, code }));
await sources.close();

/** Writes files of `size` bytes until no more fit. */
function fill(size: number): void {
  const folder = join(root, 'ballast');
  try {
    mkdirSync(folder);
    for (let n = 0; ; n += 1) writeFileSync(join(folder, String(n)), Buffer.alloc(size));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
