import type { Json, JsonObject } from '@plumb/api';
import { printJson } from '@plumb/api';
import type { SopsFormat } from '@plumb/engine';
import { kindOf } from './declared.ts';
import { buildError, shown } from './errors.ts';
import { kustomizationNames, onlyLists, parseKustomization } from './kustomization.ts';
import type { Kustomization } from './kustomization.ts';
import { limits } from './limits.ts';
import { join, parentOf, relative, within } from './paths.ts';
import { followPlugin, followReferences, named } from './references.ts';
import type { Reference } from './references.ts';
import { locate } from './remote/locate.ts';
import { placed } from './remote/sites.ts';
import type { Place, Site, Sites } from './remote/sites.ts';
import type { Found, TreeView } from './tree-view.ts';
import { isObject, parseDocuments } from './yaml/documents.ts';
import { checkTotal } from './yaml/marks.ts';

/** Everything a kustomize build can reach, at the paths where kustomize will look. */
export interface Reached {
  files: Map<string, Uint8Array>;
  /** Those of them that declare objects, in the order they are listed. */
  resources: Set<string>;
  /** What generators and patches read, and what it may be encrypted as. */
  inputs: Map<string, Set<SopsFormat>>;
  /** What else kustomize reads as YAML: files of patches and the like, by their paths, and patches inside of files, by where they stand. */
  texts: Map<string, Uint8Array>;
  /** Paths of the files among them. */
  parsed: ReadonlySet<string>;
  /** Nothing is asked but to read them, and each once. */
  onlyLists: boolean;
}

const encoder = new TextEncoder();

/** A kustomization on the way down, with those above it. */
interface Visit extends Place {
  /** The kustomization file, for messages. */
  path: string;
  /** Its name. */
  file: string;
  above: readonly Place[];
}

/**
 * Walks from one kustomization over everything it names. Symlinks are resolved on the way, and what is elsewhere is fetched: the entry is
 * then rewritten to where it stands, so that the helper needs neither.
 */
export class Reach {
  readonly #sites: Sites;
  /** By their place in what the helper is given, as all that follows. */
  readonly #files = new Map<string, Uint8Array>();
  readonly #resources = new Set<string>();
  /** Folders done, and plugin files rewritten. */
  readonly #done = new Set<string>();
  readonly #wanted = new Map<string, { site: Site; found: Found }>();
  readonly #inputs = new Map<string, Set<SopsFormat>>();
  /** Files that are YAML and no resources. */
  readonly #parsed = new Set<string>();
  readonly #inline = new Map<string, Uint8Array>();
  #onlyLists = true;

  constructor(sites: Sites) {
    this.#sites = sites;
  }

  /** @param root the kustomization to build, which need not be what the folder holds */
  async collect(
    dir: Found,
    root: { path: string; kustomization: Kustomization; content: Uint8Array | null },
  ): Promise<Reached> {
    const site = this.#sites.local;
    this.#record({ site, dir });
    const file = parentOf(root.path).name;
    await this.#visit({ site, dir, file, path: root.path, above: [] }, root.kustomization, root.content);
    await this.#readWanted();
    checkTotal(this.#files.values());
    const parsed = [...this.#parsed].map((path) => [this.#sites.label(path), this.#files.get(path)] as const);
    const texts = new Map([...this.#inline, ...parsed.flatMap(([at, text]) => (text ? [[at, text] as const] : []))]);
    const [files, resources, inputs] = [this.#files, this.#resources, this.#inputs];
    return { files, resources, inputs, texts, parsed: this.#parsed, onlyLists: this.#onlyLists };
  }

  /** Many files at once: a tree answers them together. */
  async #readWanted(): Promise<void> {
    for (const [site, wanted] of Map.groupBy(this.#wanted, ([, { site }]) => site)) {
      const contents = await site.view.readAll(wanted.map(([, { found }]) => found));
      for (const [index, [path]] of wanted.entries()) {
        const content = contents[index];
        // A kustomization or plugin that is data too is already there, and may have been rewritten: what is built goes first.
        if (content !== undefined && !this.#files.has(path)) this.#files.set(path, content);
      }
    }
  }

  /** A folder is recorded whole, which covers its files; the root's files are recorded one by one, or every commit would count. */
  #record({ site, dir }: Place): void {
    if (dir.path !== '') site.view.recordFolder(dir);
  }

  async #visit(visit: Visit, kustomization: Kustomization, content: Uint8Array | null): Promise<void> {
    const at = placed(visit.site, visit.dir.path);
    this.#done.add(at);
    this.#onlyLists &&= visit.site === this.#sites.local && onlyLists(kustomization);
    for (const field of ['helmCharts', 'helmChartInflationGenerator'] as const) {
      const charts = kustomization[field];
      if (Array.isArray(charts) && charts.length > 0) {
        throw buildError(visit.path, `${field} is not supported: use a HelmRelease for the chart`);
      }
    }
    for (const field of ['patches', 'patchesJson6902'] as const) {
      const patches = kustomization[field];
      if (Array.isArray(patches))
        patches.forEach((patch, index) => this.#within(patch, `${visit.path}: ${field}[${index}]`));
    }
    let changed = content === null;
    const followed = await followReferences(kustomization, async (reference) => {
      const value = await this.#follow(reference, visit);
      changed ||= value !== reference.value;
      return value;
    });
    const text = changed || content === null ? encoder.encode(printJson(followed)) : content;
    this.#files.set(join(at, visit.file), text);
  }

  async #follow(reference: Reference, visit: Visit): Promise<string> {
    switch (reference.kind) {
      case 'data':
        return this.#data(reference, visit);
      case 'patch':
        if (!isInline(reference.value)) return this.#file(reference, visit);
        this.#inline.set(`${visit.path}: ${reference.entry}`, encoder.encode(reference.value));
        return reference.value;
      case 'plugin':
        return this.#plugin(reference, visit);
      case 'file':
      case 'variables':
        return this.#file(reference, visit);
      default:
        return this.#resource(reference, visit);
    }
  }

  /** Patches that stand as text in an entry, or in the configuration of a plugin. */
  #within(entry: Json, place: string): void {
    if (!isObject(entry)) return;
    for (const name of ['patch', 'patches', 'jsonOp']) {
      const text = entry[name];
      if (typeof text === 'string') this.#inline.set(`${place}.${name}`, encoder.encode(text));
    }
  }

  async #file(reference: Reference, visit: Visit): Promise<string> {
    const located = await locate(this.#sites, reference, visit);
    if (located.type === 'directory') throw buildError(visit.path, `${named(reference)} is a folder, not a file`);
    const isYaml = reference.kind === 'file' || reference.kind === 'patch';
    if (isYaml) this.#parsed.add(located.type === 'fetched' ? located.path : placed(located.site, located.found.path));
    if (located.type === 'fetched') return this.#fetched(located, visit);
    return this.#want(located, reference, visit);
  }

  /** @returns the way to it */
  #want({ site, found }: { site: Site; found: Found }, reference: Reference, visit: Visit): string {
    const at = placed(site, found.path);
    this.#wanted.set(at, { site, found });
    // Files of a remote base stay encrypted, as in Flux: only the objects that they become are opened.
    if (reference.encrypted !== undefined && site === this.#sites.local) {
      const formats = this.#inputs.get(at) ?? new Set();
      this.#inputs.set(at, formats.add(reference.encrypted));
    }
    return rewritten(reference.value, visit.dir.path, found.path);
  }

  #fetched({ path, content }: { path: string; content: Uint8Array }, visit: Visit): string {
    this.#files.set(path, content);
    return relative(placed(visit.site, visit.dir.path), path);
  }

  /** `file` or `key=file`; the file's own name is the key when none is given. */
  async #data(reference: Reference, visit: Visit): Promise<string> {
    const equals = reference.value.indexOf('=');
    const file = reference.value.slice(equals + 1);
    const way = await this.#file({ ...reference, value: file }, visit);
    if (way === file) return reference.value;
    const key = equals < 0 ? parentOf(file).name : reference.value.slice(0, equals);
    return `${key}=${way}`;
  }

  async #resource(reference: Reference, visit: Visit): Promise<string> {
    const located = await locate(this.#sites, reference, visit);
    if (located.type === 'directory') return this.#folder(located.place, reference, visit);
    if (reference.kind === 'component')
      throw buildError(visit.path, `${named(reference)} is a file, a component is a folder`);
    if (located.type === 'fetched') {
      this.#onlyLists = false;
      this.#resources.add(located.path);
      return this.#fetched(located, visit);
    }
    const at = placed(located.site, located.found.path);
    this.#onlyLists &&= !this.#resources.has(at);
    this.#resources.add(at);
    return this.#want(located, reference, visit);
  }

  /** @returns the way to it */
  async #folder(place: Place, reference: Reference, visit: Visit): Promise<string> {
    const { site, dir } = place;
    const at = placed(site, dir.path);
    const line: readonly Place[] = [...visit.above, visit];
    const back = line.findIndex((above) => within(placed(above.site, above.dir.path), at));
    if (back >= 0) throw cycleError(place, reference, visit, line.slice(back));
    if (line.length >= limits.kustomizationDepth)
      throw buildError(
        visit.path,
        `${reference.entry}: more than ${limits.kustomizationDepth} kustomizations one inside another`,
      );
    const way =
      site === visit.site
        ? rewritten(reference.value, visit.dir.path, dir.path)
        : relative(placed(visit.site, visit.dir.path), at);
    if (this.#done.has(at)) {
      this.#onlyLists = false;
      return way;
    }
    this.#record(place);
    const who = `${visit.path}: ${named(reference)}`;
    const { path, content } = await readKustomization(site.view, dir, who);
    const label = site.view.label(path);
    const file = parentOf(path).name;
    await this.#visit({ ...place, file, path: label, above: line }, parseKustomization(label, content), content);
    return way;
  }

  /** Generators, transformers and validators: a file, a folder, or the configuration itself. Only kustomize's own are allowed. */
  async #plugin(reference: Reference, visit: Visit): Promise<string> {
    if (isInline(reference.value)) {
      const configs = await this.#plugins(visit.path, encoder.encode(reference.value), reference, visit);
      return configs === null ? reference.value : configs;
    }
    const located = await locate(this.#sites, reference, visit);
    if (located.type === 'directory') return this.#folder(located.place, reference, visit);
    if (located.type === 'fetched') {
      const { path, content } = located;
      const rewritten = await this.#plugins(this.#sites.label(path), content, reference, visit);
      return this.#fetched({ path, content: rewritten === null ? content : encoder.encode(rewritten) }, visit);
    }
    const { site, found } = located;
    const [content] = await site.view.readAll([found]);
    const configs = await this.#plugins(site.view.label(found.path), content ?? new Uint8Array(), reference, visit);
    if (content !== undefined)
      this.#files.set(placed(site, found.path), configs === null ? content : encoder.encode(configs));
    return rewritten(reference.value, visit.dir.path, found.path);
  }

  /** Checks plugin configurations and follows the files they name. @returns new text where an entry was rewritten */
  async #plugins(path: string, content: Uint8Array, reference: Reference, visit: Visit): Promise<string | null> {
    const followed: JsonObject[] = [];
    let changed = false;
    for (const { value, line } of parseDocuments(path, content)) {
      if (!isObject(value)) continue;
      const place = path === visit.path ? `${path}: ${reference.entry}` : `${path}:${line}`;
      checkPlugin(value, place);
      this.#within(value, `${place}: ${kindOf(value)}`);
      followed.push(
        await followPlugin(value, `${reference.entry} (${kindOf(value)})`, async (inner) => {
          const answer = await this.#pluginFile(inner, visit);
          changed ||= answer !== inner.value;
          return answer;
        }),
      );
    }
    return changed ? followed.map((config) => printJson(config)).join('\n---\n') : null;
  }

  #pluginFile(reference: Reference, visit: Visit): Promise<string> {
    if (isInline(reference.value)) {
      this.#inline.set(`${visit.path}: ${reference.entry}`, encoder.encode(reference.value));
      return Promise.resolve(reference.value);
    }
    return reference.kind === 'data' ? this.#data(reference, visit) : this.#file(reference, visit);
  }
}

/** Reads the one kustomization file of a folder. `place` is for messages: who asked. */
export async function readKustomization(
  view: TreeView,
  dir: Found,
  place: string,
): Promise<{ path: string; content: Uint8Array }> {
  const present: { path: string; found: Found }[] = [];
  for (const name of kustomizationNames) {
    const path = join(dir.path, name);
    const found = await view.resolve(dir.path, name, view.label(path));
    if (found?.type === 'file') present.push({ path, found });
  }
  const [first, second] = present;
  const folder = view.label(dir.path);
  if (first === undefined) throw buildError(place, `the folder ${folder} holds no kustomization.yaml`);
  if (second !== undefined) {
    const both = `${view.label(first.path)} and ${view.label(second.path)}`;
    throw buildError(place, `the folder ${folder} holds both ${both}: keep one`);
  }
  const [content] = await view.readAll([first.found]);
  return { path: first.path, content: content ?? new Uint8Array() };
}

/** Keeps the entry as written unless a symlink led elsewhere. */
function rewritten(value: string, from: string, to: string): string {
  const way = relative(from, to);
  const steps: string[] = [];
  for (const step of (from === '' ? value : `${from}/${value}`).split('/')) {
    if (step === '' || step === '.') continue;
    if (step === '..') steps.pop();
    else steps.push(step);
  }
  return steps.join('/') === to ? value : way;
}

function isInline(value: string): boolean {
  return value.includes('\n') || value.trimStart().startsWith('{');
}

function checkPlugin(config: JsonObject, place: string): void {
  const kind = kindOf(config);
  const metadata: Json | undefined = config['metadata'];
  const annotations = isObject(metadata) ? metadata['annotations'] : undefined;
  const runsFunction =
    isObject(annotations) &&
    Object.keys(annotations).some((key) => key === 'config.kubernetes.io/function' || key === 'config.k8s.io/function');
  if (runsFunction)
    throw buildError(place, `the ${kind} runs a function: exec and container plugins are not supported`);
  if (kind === 'HelmChartInflationGenerator')
    throw buildError(place, `${kind} is not supported: use a HelmRelease for the chart`);
  const apiVersion = config['apiVersion'];
  if (apiVersion !== 'builtin' && !isNested(kind)) {
    throw buildError(
      place,
      `the plugin ${kind} of ${shown(apiVersion ?? '')} is not one of kustomize's own: plugins are not supported`,
    );
  }
}

/** A kustomization listed as a plugin is a folder of plugins, not a plugin. */
function isNested(kind: string): boolean {
  return kind === 'Kustomization' || kind === 'Component';
}

function cycleError(place: Place, reference: Reference, visit: Visit, line: readonly Place[]): Error {
  const way = [...line, place].map(({ site, dir }) => site.view.label(dir.path)).join(' -> ');
  return buildError(visit.path, `${named(reference)} includes itself: ${way}`);
}
