import { posix } from 'node:path';
import { userError } from '@plumb/api';
import type { Entry, Tree } from '../artifact.ts';
import { CHART_LIMITS, tooLarge, type ChartContent } from './chart-archive.ts';
import { HelmIgnore } from './helm-ignore.ts';

/** Where a chart stands. */
export interface ChartFolder {
  tree: Tree;
  /** From the tree's root on; '' is the root. */
  folder: string;
  /** `helm package` follows links, inside the tree here; the artifact of a source has none. */
  links: 'followed' | 'left-out';
}

const DEEPEST = 32;

/**
 * The files that `helm package` takes of a folder: all that its `.helmignore` does not leave out.
 * @throws PlumbError `invalid-path` where no chart is, and for a link that leads out of the tree or nowhere; `invalid-spec` for a `.helmignore` that cannot be read;
 * `build-failed` beyond the bounds of a chart
 */
export async function readChartFolder(place: ChartFolder): Promise<ChartContent> {
  const { tree, folder } = place;
  if ((await tree.read(join(folder, 'Chart.yaml'))) === null)
    throw userError(
      'invalid-path',
      `there is no chart in folder '${folder === '' ? '.' : folder}': it holds no Chart.yaml`,
    );
  const ignore = await tree.read(join(folder, '.helmignore'));
  const reading = new Reading(place, new HelmIgnore(Buffer.from(ignore ?? []).toString('utf8')));
  await reading.folder(folder, '', 0);
  return new Map([...reading.files].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

class Reading {
  readonly files = new Map<string, Uint8Array>();
  readonly #place: ChartFolder;
  readonly #ignore: HelmIgnore;
  #bytes = 0;

  constructor(place: ChartFolder, ignore: HelmIgnore) {
    this.#place = place;
    this.#ignore = ignore;
  }

  /** @param at in the tree; `path` in the chart, which links make another one */
  async folder(at: string, path: string, depth: number): Promise<void> {
    if (depth > DEEPEST)
      throw userError('build-failed', `folder '${path}' of the chart lies more than ${DEEPEST} deep`);
    for (const entry of (await this.#place.tree.entries(at)) ?? []) {
      // Git's own files are no chart's, wherever it stands.
      if (entry.name !== '.git') await this.#entry(join(at, entry.name), join(path, entry.name), { entry, depth });
    }
  }

  async #entry(at: string, path: string, { entry, depth }: { entry: Entry; depth: number }): Promise<void> {
    const { tree, links } = this.#place;
    if (entry.type === 'link' && links === 'followed') {
      const there = await targetOf(tree, at);
      return this.#entry(there.at, path, { entry: there.entry, depth: depth + 1 });
    }
    const isFolder = entry.type === 'directory';
    if (entry.type === 'link' || entry.type === 'commit' || this.#ignore.leavesOut(path, isFolder)) return;
    if (isFolder) return this.folder(at, path, depth + 1);
    const content = await tree.read(at, CHART_LIMITS.fileBytes);
    if (content === null) return;
    this.#bytes += content.length;
    this.files.set(path, content);
    if (this.#bytes > CHART_LIMITS.bytes || this.files.size > CHART_LIMITS.files) throw tooLarge();
  }
}

/** What a link leads to, through other links. */
async function targetOf(tree: Tree, link: string): Promise<{ at: string; entry: Entry }> {
  let at = link;
  for (let step = 0; step < DEEPEST; step += 1) {
    const text = Buffer.from((await tree.read(at)) ?? []).toString('utf8');
    const next = posix.normalize(posix.join(posix.dirname(at), text));
    const leadsOut = posix.isAbsolute(text) || next === '..' || next.startsWith('../');
    if (leadsOut) throw userError('invalid-path', `link '${link}' leads to '${text}', which is not in the repository`);
    const entry = await entryAt(tree, next);
    if (entry === undefined) throw userError('invalid-path', `link '${link}' leads to '${text}', where nothing is`);
    if (entry.type !== 'link') return { at: next, entry };
    at = next;
  }
  throw userError('invalid-path', `link '${link}' leads to links without end`);
}

async function entryAt(tree: Tree, path: string): Promise<Entry | undefined> {
  const { dir, base } = posix.parse(path.replace(/\/$/, ''));
  return (await tree.entries(dir))?.find(({ name }) => name === base);
}

function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
