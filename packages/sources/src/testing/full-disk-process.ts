/**
 * Runs sources on a disk that has no room any more, and prints what failed. Arguments: what fails (`fetch`, `publish`, `inodes`), how the disk is filled
 * (`disk`: it is written full; `limit`: no file may grow), its folder, the url.
 */
import { join } from 'node:path';
import { fillDisk } from '@plumb/testkit/small-disk';
import { createGitSources } from '../create-git-sources.ts';
import { failureOf, SHOP } from './lab.ts';

const [what = '', how = '', root = '', url = ''] = process.argv.slice(2);
const sources = createGitSources({ dir: join(root, 'plumb') });
const ask = (branch: string) => sources.resolve(SHOP, { url, ref: { branch }, auth: {}, timeout: 20_000 });

await sources.publish(SHOP, await ask('main'));
const big = what === 'publish' ? await ask('big') : null;
fillDisk(how === 'limit' ? 'limit' : 'disk', root, what === 'inodes' ? 0 : 4_096);
const { message, code } = await failureOf(big === null ? ask('big') : sources.publish(SHOP, big));
process.stdout.write(JSON.stringify({ message, code }));
await sources.close();
