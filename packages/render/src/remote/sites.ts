import type { RemoteRepository } from '@plumb/sources';
import type { RemoteRead } from '../bundle.ts';
import { buildError } from '../errors.ts';
import { limits } from '../limits.ts';
import { join, within } from '../paths.ts';
import { ReadLog } from '../reads.ts';
import { shownAddress } from '../references.ts';
import type { BuildOptions } from '../renderer.ts';
import { TreeView, type Budget, type Found } from '../tree-view.ts';
import { Fetch, fetchError, isTree } from './fetch.ts';
import { anonymous } from './entry.ts';
import type { Repository } from './repository.ts';

/** The folder of remote bases in what the helper is given. */
const ROOT = '.remote-bases';

/** Where kustomize would say that something came from. */
export interface Provenance {
  repo: string;
  ref: string;
  /** In the repository. */
  path: string;
}

/** A tree that files are taken from: the artifact's, or that of a repository. */
export interface Site {
  view: TreeView;
  /** Where it stands in what the helper is given; '' is the root. */
  at: string;
  /** Whether files must stand in or below the folder that names them: so it is for what comes from elsewhere. */
  isConfined: boolean;
}

/** A folder of a site. */
export interface Place {
  site: Site;
  dir: Found;
}

/** Where a path of a site stands in what the helper is given. */
export function placed({ at }: Site, path: string): string {
  return at === '' || path === '' ? at + path : `${at}/${path}`;
}

/** Who asks for a repository, for messages. */
interface Asking {
  /** The kustomization. */
  place: string;
  /** The kustomization, its entry, and what was tried before. */
  asking: string;
}

interface Mounted {
  at: string;
  label: (path: string) => string;
  /** Of a path below it. */
  provenance: (path: string) => Provenance | null;
}

/** The trees and files one build takes from elsewhere, each with its place in what the helper is given. */
export class Sites {
  readonly local: Site;
  readonly fetch: Fetch | null;
  readonly #budget: Budget;
  readonly #mounted: Mounted[] = [];
  readonly #repositories = new Map<string, { site: Promise<Site>; folders: Set<string> }>();
  readonly #reads: (() => RemoteRead)[] = [];

  constructor(view: TreeView, budget: Budget, options: BuildOptions) {
    this.local = { view, at: '', isConfined: false };
    this.#budget = budget;
    this.fetch = options.remotes === undefined ? null : new Fetch(options.remotes, options);
  }

  /** A repository's tree, fetched once for each ref. */
  async repository(asked: Repository, who: Asking): Promise<Site> {
    const repository = identityOf(asked);
    const key = JSON.stringify(repository);
    const known = this.#repositories.get(key);
    const opened = known ?? { folders: new Set<string>(), site: Promise.resolve(this.local) };
    if (known === undefined) {
      opened.site = this.#open(repository, asked, { ...who, folders: opened.folders });
      this.#repositories.set(key, opened);
    }
    const site = await opened.site;
    opened.folders.add(asked.path);
    return site;
  }

  /** Whether this entry was found to be a repository, in this build or the last. */
  wasRepository(asked: Repository): boolean {
    const repository = identityOf(asked);
    if (this.#repositories.get(JSON.stringify(repository))?.folders.has(asked.path) === true) return true;
    return this.fetch?.lastTree(repository)?.folders.includes(asked.path) === true;
  }

  /** A file that was fetched. @returns where it stands */
  file(
    found: { url: string; digest: string; content: Uint8Array },
    provenance: Provenance | null,
    place: string,
  ): string {
    const { url, digest, content } = found;
    this.#budget.files(1);
    this.#budget.bytes(shownAddress(url), content.byteLength);
    this.#reads.push(() => ({ url, digest }));
    return this.#mount(place, { label: () => shownAddress(url), provenance: () => provenance });
  }

  /** What was read of each, files once. */
  reads(): RemoteRead[] {
    const reads = this.#reads.map((read) => read());
    return [...new Map(reads.map((read) => [isTree(read) ? read : read.url, read])).values()];
  }

  /** How people are told of a path in what the helper is given. */
  label(path: string): string {
    const mounted = this.#at(path);
    return mounted === undefined ? path : mounted.label(inside(path, mounted));
  }

  /** The same for every such path in a text. */
  labels(text: string): string {
    return text.replaceAll(PATHS, (path) => this.label(path.slice(path.indexOf(ROOT))));
  }

  /** Where kustomize would say that a path came from; null for one of the artifact. */
  provenance(path: string): Provenance | null {
    const mounted = this.#at(path);
    return mounted === undefined ? null : mounted.provenance(inside(path, mounted));
  }

  get isEmpty(): boolean {
    return this.#mounted.length === 0;
  }

  #at(path: string): Mounted | undefined {
    return this.#mounted.find(({ at }) => within(path, at));
  }

  async #open(
    repository: RemoteRepository,
    { url: repo, timeout }: Repository,
    { folders, place, asking }: Asking & { folders: ReadonlySet<string> },
  ): Promise<Site> {
    if (this.fetch === null) throw buildError(place, 'remote bases are off');
    const { revision, tree } = await this.fetch.tree(repository, timeout).catch((error: unknown) => {
      throw fetchError(asking, error);
    });
    const log = new ReadLog();
    const label = (path: string): string => shownIn(repository, path);
    const view = new TreeView(tree, log, this.#budget, { root: 'the repository', path: label });
    this.#reads.push(() => ({ ...repository, revision, folders: [...folders], ids: log.ids() }));
    const provenance = (path: string): Provenance => ({ repo, ref: repository.ref, path });
    return { view, at: this.#mount(place, { label, provenance }), isConfined: true };
  }

  #mount(place: string, mounted: Omit<Mounted, 'at'>): string {
    const count = this.#mounted.length + 1;
    if (count > limits.remotes)
      throw buildError(place, `with it the build has more than ${limits.remotes} remote bases`);
    const at = join(ROOT, String(count));
    this.#mounted.push({ ...mounted, at });
    return at;
  }
}

const PATHS = /(?:\.\.\/)*\.remote-bases\/\d+(?:\/[^\s'":]*)?/g;

function inside(path: string, { at }: Mounted): string {
  return path.slice(at.length + 1);
}

/** `https://example.com/org/repo//deploy/web.yaml?ref=v1` */
function shownIn({ url, ref }: RemoteRepository, path: string): string {
  return `${url}//${path}${ref === '' ? '' : `?ref=${ref}`}`;
}

function identityOf({ url, ref, submodules }: Repository): RemoteRepository {
  return { url: anonymous(url), ref, submodules };
}
