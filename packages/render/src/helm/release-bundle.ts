import { parseApiVersion, userError } from '@plumb/api';
import type { KindRef, KubeObject } from '@plumb/api';
import { compileIgnoreRules } from '@plumb/core';
import type { HelmText } from '@plumb/engine';
import { assemble } from '../assemble.ts';
import type { Bundle, Desired, ReadSet } from '../bundle.ts';
import type { Declared } from '../declared.ts';
import { buildError } from '../errors.ts';
import { isObject } from '../yaml/documents.ts';
import { readObjects } from './chart-objects.ts';
import type { ChartObject } from './chart-objects.ts';
import { splitManifest } from './manifest.ts';
import type { ReleaseSpec, ScopeOptions } from './release.ts';

type BundleSpec = Pick<ReleaseSpec, 'release' | 'ownerLabels' | 'ignore'>;

const NO_READS: ReadSet = { rules: '', ids: new Map(), remotes: [] };
const CRD = { group: 'apiextensions.k8s.io', kind: 'CustomResourceDefinition' } as const;

/**
 * The objects of a release as they are applied: in their namespaces, with the marks by which Helm knows its own and the owner's labels.
 * @throws PlumbError `build-failed` when two are the same, `invalid-spec` for rules of spec.driftDetection.ignore that cannot be used
 */
export async function bundleOf(
  objects: readonly ChartObject[],
  spec: BundleSpec,
  { isNamespaced, crds = [] }: ScopeOptions & { crds?: readonly HelmText[] },
  rest: Pick<Bundle, 'warnings' | 'secrets'> = { warnings: [], secrets: [] },
): Promise<Bundle> {
  const { release, ownerLabels, ignore = [] } = spec;
  checkIgnore(ignore);
  // Whether the definitions can be used is found out where they are applied, if they are.
  const definitions = (): Promise<ChartObject[]> => readObjects(crds, { reader: 'helm' }).catch(() => []);
  const scopes = new Scopes(isNamespaced, async () => [...objects, ...(await definitions())]);
  const declared = await Promise.all(
    objects.map(async ({ path, body }): Promise<Declared> => {
      if (body.metadata.name === '')
        throw buildError(path, `the ${body.kind} has no metadata.name: only hooks need none`);
      return { body: await scopes.placed(body, release.namespace), origin: { path, document: -1 }, place: path };
    }),
  );
  const commonMetadata = {
    labels: { 'app.kubernetes.io/managed-by': 'Helm' },
    annotations: {
      'meta.helm.sh/release-name': release.name,
      'meta.helm.sh/release-namespace': release.namespace,
    },
  };
  return assemble(declared, { commonMetadata, ownerLabels, ignore, setsIgnored: true }, { reads: NO_READS, ...rest });
}

function checkIgnore(ignore: NonNullable<ReleaseSpec['ignore']>): void {
  const compiled = compileIgnoreRules(ignore, 'spec.driftDetection.ignore');
  if (typeof compiled === 'function') return;
  throw userError('invalid-spec', compiled.map(({ path, message }) => `${path} ${message}`).join('; '));
}

/**
 * The objects of a manifest that a release record holds, prepared as those of a new release are.
 * @throws PlumbError `build-failed` that names the template
 */
export async function bundleOfManifest(manifest: string, spec: BundleSpec, options: ScopeOptions): Promise<Bundle> {
  const warnings = new Set<string>();
  const warn = (warning: string): unknown => warnings.add(warning);
  const objects = await readObjects(splitManifest(manifest), { reader: 'helm', warn });
  return bundleOf(objects, spec, options, { warnings: [...warnings], secrets: [] });
}

/**
 * The definitions in a chart's files of them, each once: of two by one name the first, which is the parent chart's. Flux leaves out what is no
 * definition.
 * @throws PlumbError `build-failed` that names the file
 */
export async function crdObjects(
  crds: readonly HelmText[],
  ownerLabels: Record<string, string>,
): Promise<readonly Desired[]> {
  const seen = new Set<string>();
  const declared = (await readObjects(crds, { reader: 'helm' })).flatMap(({ path, body }): Declared[] => {
    if (!isCrd(body) || seen.has(body.metadata.name)) return [];
    seen.add(body.metadata.name);
    return [{ body: withoutNamespace(body), origin: { path, document: -1 }, place: path }];
  });
  return assemble(declared, { ownerLabels }, { reads: NO_READS, warnings: [], secrets: [] }).objects;
}

/**
 * What a hook creates: its manifest as it is, in a namespace. Helm sets no marks of its own on hooks.
 * A `metadata.name` that is empty is made up by the API server.
 * @throws PlumbError `build-failed` that names the template
 */
export async function hookObjects(
  hook: { path: string; manifest: string },
  { release }: Pick<ReleaseSpec, 'release'>,
  { isNamespaced }: ScopeOptions,
): Promise<KubeObject[]> {
  const text = { path: hook.path, text: hook.manifest };
  const objects = await readObjects([text], { reader: 'helm', mayGenerateNames: true });
  const scopes = new Scopes(isNamespaced, async () => []);
  return Promise.all(objects.map(({ body }) => scopes.placed(body, release.namespace)));
}

/** Puts objects in their namespaces. */
class Scopes {
  readonly #isNamespaced: ScopeOptions['isNamespaced'];
  readonly #read: () => Promise<readonly ChartObject[]>;
  readonly #known = new Map<string, Promise<boolean>>();
  #own: Promise<ReadonlyMap<string, boolean>> | null = null;

  /** @param read the objects that may define kinds which the cluster does not serve yet */
  constructor(isNamespaced: ScopeOptions['isNamespaced'], read: () => Promise<readonly ChartObject[]>) {
    this.#isNamespaced = isNamespaced;
    this.#read = read;
  }

  async placed(body: KubeObject, namespace: string): Promise<KubeObject> {
    const kind = { ...parseApiVersion(body.apiVersion), kind: body.kind };
    const id = `${body.apiVersion}/${kind.kind}`;
    const known = this.#known.get(id) ?? this.#ask(kind);
    this.#known.set(id, known);
    if (!(await known)) return withoutNamespace(body);
    if ((body.metadata.namespace ?? '') !== '') return body;
    return { ...body, metadata: { ...body.metadata, namespace } };
  }

  async #ask(kind: KindRef): Promise<boolean> {
    const served = await this.#isNamespaced(kind);
    if (served !== null) return served;
    this.#own ??= this.#read().then(scopesOf);
    return (await this.#own).get(`${kind.group}/${kind.kind}`) ?? true;
  }
}

/** Whether the kinds that these objects define are in namespaces. */
function scopesOf(objects: readonly ChartObject[]): Map<string, boolean> {
  const found = new Map<string, boolean>();
  for (const { body } of objects) {
    const spec = body['spec'];
    if (!isCrd(body) || !isObject(spec) || !isObject(spec['names'])) continue;
    const { group, names, scope } = spec;
    if (typeof group === 'string' && typeof names['kind'] === 'string')
      found.set(`${group}/${names['kind']}`, scope !== 'Cluster');
  }
  return found;
}

function isCrd({ apiVersion, kind }: KubeObject): boolean {
  return kind === CRD.kind && parseApiVersion(apiVersion).group === CRD.group;
}

/** The API server would take it off. */
function withoutNamespace(body: KubeObject): KubeObject {
  if (body.metadata.namespace === undefined) return body;
  const { namespace: _namespace, ...metadata } = body.metadata;
  return { ...body, metadata };
}
