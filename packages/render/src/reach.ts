import type { Json, JsonObject } from '@plumb/api';
import { printJson } from '@plumb/api';
import type { SopsFormat } from '@plumb/engine';
import { kindOf } from './declared.ts';
import { buildError, shown } from './errors.ts';
import { kustomizationNames, onlyLists, parseKustomization } from './kustomization.ts';
import type { Kustomization } from './kustomization.ts';
import { limits } from './limits.ts';
import { displayPath, join, parentOf, relative, within } from './paths.ts';
import { checkLocal, followPlugin, followReferences } from './references.ts';
import type { Reference } from './references.ts';
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
  /** Nothing is asked but to read them, and each once. */
  onlyLists: boolean;
}

const encoder = new TextEncoder();

/** A kustomization on the way down, with those above it. */
interface Visit {
  dir: Found;
  /** The kustomization file, for messages. */
  path: string;
  above: readonly Found[];
}

/**
 * Walks from one kustomization over everything it names. Symlinks are resolved on the way: where one was followed, the entry is
 * rewritten to the real path, so that the helper needs none.
 */
export class Reach {
  readonly #view: TreeView;
  readonly #files = new Map<string, Uint8Array>();
  readonly #resources = new Set<string>();
  /** Folders done, and plugin files rewritten. */
  readonly #done = new Set<string>();
  readonly #wanted = new Map<string, Found>();
  readonly #inputs = new Map<string, Set<SopsFormat>>();
  #onlyLists = true;

  constructor(view: TreeView) {
    this.#view = view;
  }

  /** @param root the kustomization to build, which need not be what the folder holds */
  async collect(
    dir: Found,
    root: { path: string; kustomization: Kustomization; content: Uint8Array | null },
  ): Promise<Reached> {
    this.#record(dir);
    await this.#visit({ dir, path: root.path, above: [] }, root.kustomization, root.content);
    const found = [...this.#wanted.values()];
    const contents = await this.#view.readAll(found);
    for (const [index, file] of found.entries()) {
      const content = contents[index];
      // A kustomization or plugin that is data too is already there, and may have been rewritten: what is built goes first.
      if (content !== undefined && !this.#files.has(file.path)) this.#files.set(file.path, content);
    }
    checkTotal(this.#files.values());
    return { files: this.#files, resources: this.#resources, inputs: this.#inputs, onlyLists: this.#onlyLists };
  }

  /** A folder is recorded whole, which covers its files; the root's files are recorded one by one, or every commit would count. */
  #record(dir: Found): void {
    if (dir.path !== '') this.#view.recordFolder(dir);
  }

  async #visit(visit: Visit, kustomization: Kustomization, content: Uint8Array | null): Promise<void> {
    this.#done.add(visit.dir.path);
    this.#onlyLists &&= onlyLists(kustomization);
    for (const field of ['helmCharts', 'helmChartInflationGenerator'] as const) {
      const charts = kustomization[field];
      if (Array.isArray(charts) && charts.length > 0) {
        throw buildError(visit.path, `${field} is not supported: use a HelmRelease for the chart`);
      }
    }
    let changed = content === null;
    const followed = await followReferences(kustomization, async (reference) => {
      const value = await this.#follow(reference, visit);
      changed ||= value !== reference.value;
      return value;
    });
    const text = changed || content === null ? encoder.encode(printJson(followed)) : content;
    this.#files.set(visit.path, text);
  }

  async #follow(reference: Reference, visit: Visit): Promise<string> {
    switch (reference.kind) {
      case 'data':
        return this.#data(reference, visit);
      case 'patch':
        return isInline(reference.value) ? reference.value : this.#file(reference, visit);
      case 'plugin':
        return this.#plugin(reference, visit);
      case 'file':
        return this.#file(reference, visit);
      default:
        return this.#resource(reference, visit);
    }
  }

  async #find(reference: Reference, visit: Visit): Promise<Found> {
    checkLocal(reference, visit.path);
    const found = await this.#view.resolve(visit.dir.path, reference.value, `${visit.path}: ${reference.entry}`);
    if (found === null) throw buildError(visit.path, `${reference.entry} ${shown(reference.value)} does not exist`);
    return found;
  }

  async #file(reference: Reference, visit: Visit): Promise<string> {
    const found = await this.#find(reference, visit);
    if (found.type === 'directory')
      throw buildError(visit.path, `${reference.entry} ${shown(reference.value)} is a folder, not a file`);
    this.#wanted.set(found.path, found);
    if (reference.encrypted !== undefined) {
      const formats = this.#inputs.get(found.path) ?? new Set();
      this.#inputs.set(found.path, formats.add(reference.encrypted));
    }
    return rewritten(reference.value, visit.dir.path, found.path);
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
    const found = await this.#find(reference, visit);
    if (found.type === 'directory') {
      await this.#folder(found, reference, visit);
    } else if (reference.kind === 'component') {
      throw buildError(visit.path, `${reference.entry} ${shown(reference.value)} is a file, a component is a folder`);
    } else {
      this.#onlyLists &&= !this.#resources.has(found.path);
      this.#wanted.set(found.path, found);
      this.#resources.add(found.path);
    }
    return rewritten(reference.value, visit.dir.path, found.path);
  }

  async #folder(dir: Found, reference: Reference, visit: Visit): Promise<void> {
    const line = [...visit.above, visit.dir];
    const back = line.findIndex(({ path }) => within(path, dir.path));
    if (back >= 0) throw cycleError(dir, reference, visit, line.slice(back));
    if (line.length >= limits.kustomizationDepth)
      throw buildError(
        visit.path,
        `${reference.entry}: more than ${limits.kustomizationDepth} kustomizations one inside another`,
      );
    if (this.#done.has(dir.path)) {
      this.#onlyLists = false;
      return;
    }
    this.#record(dir);
    const { path, content } = await readKustomization(
      this.#view,
      dir,
      `${visit.path}: ${reference.entry} ${shown(reference.value)}`,
    );
    await this.#visit({ dir, path, above: line }, parseKustomization(path, content), content);
  }

  /** Generators, transformers and validators: a file, a folder, or the configuration itself. Only kustomize's own are allowed. */
  async #plugin(reference: Reference, visit: Visit): Promise<string> {
    if (isInline(reference.value)) {
      const configs = await this.#plugins(visit.path, encoder.encode(reference.value), reference, visit);
      return configs === null ? reference.value : configs;
    }
    const found = await this.#find(reference, visit);
    const way = rewritten(reference.value, visit.dir.path, found.path);
    if (found.type === 'directory') {
      await this.#folder(found, reference, visit);
      return way;
    }
    const [content] = await this.#view.readAll([found]);
    const configs = await this.#plugins(found.path, content ?? new Uint8Array(), reference, visit);
    if (content !== undefined) this.#files.set(found.path, configs === null ? content : encoder.encode(configs));
    return way;
  }

  /** Checks plugin configurations and follows the files they name. @returns new text where an entry was rewritten */
  async #plugins(path: string, content: Uint8Array, reference: Reference, visit: Visit): Promise<string | null> {
    const followed: JsonObject[] = [];
    let changed = false;
    for (const { value, line } of parseDocuments(path, content)) {
      if (!isObject(value)) continue;
      const place = path === visit.path ? `${path}: ${reference.entry}` : `${path}:${line}`;
      checkPlugin(value, place);
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
    if (isInline(reference.value)) return Promise.resolve(reference.value);
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
    const found = await view.resolve(dir.path, name, path);
    if (found?.type === 'file') present.push({ path, found });
  }
  const [first, second] = present;
  if (first === undefined) throw buildError(place, `the folder ${displayPath(dir.path)} holds no kustomization.yaml`);
  if (second !== undefined)
    throw buildError(
      place,
      `the folder ${displayPath(dir.path)} holds both ${first.path} and ${second.path}: keep one`,
    );
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

function cycleError(dir: Found, reference: Reference, visit: Visit, line: readonly Found[]): Error {
  const way = [...line.map(({ path }) => displayPath(path)), displayPath(dir.path)].join(' -> ');
  return buildError(visit.path, `${reference.entry} ${shown(reference.value)} includes itself: ${way}`);
}
