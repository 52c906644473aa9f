import { isSecret, renderIn, type RenderWish, type Secrets, type Surroundings } from '@plumb/agent';
import type { CrdPolicy, JsonObject, KubeObject, ObjectKey, ObjectMeta, UnitRef } from '@plumb/api';
import { asPlumbError, keyId, keyOf, parseJson, printJson } from '@plumb/api';
import { installOptionsOf, ownerLabels, releaseNamespaceOf, upgradeOptionsOf } from '@plumb/core';
import type { Engine, HelmHook, HelmLookup } from '@plumb/engine';
import { crdObjects, hookObjects, type Desired, type RenderedRelease } from '@plumb/render';
import { withStandIns } from '../stand-in.ts';
import type { DeclaredRelease } from './declare.ts';
import type { KnownKind } from './kubernetes.ts';
import { renderOtherwise, type Others } from './other-values.ts';
import { kindsOf, type Room } from './surroundings.ts';

export interface BuildReleaseRequest {
  declared: DeclaredRelease;
  wish: RenderWish;
  /** What becomes of the chart's definitions: its templates may ask for what they define. */
  crds: CrdPolicy;
  room: Room;
  engine: Engine;
  signal: AbortSignal;
}

/** What is rendered where no record says what was before: as for an install, or for an upgrade. */
export function buildAfresh(
  request: Omit<BuildReleaseRequest, 'wish' | 'crds'> & { isUpgrade: boolean },
): Promise<BuiltRelease> {
  const { isUpgrade, declared } = request;
  const { spec } = declared.release;
  const { crds, validateSchema, timeout } = isUpgrade ? upgradeOptionsOf(spec) : installOptionsOf(spec);
  const wish = { revision: isUpgrade ? 2 : 1, isUpgrade, validateSchema, timeout, keptValues: null };
  return buildRelease({ ...request, wish, crds });
}

/** An object that a hook makes. */
export interface HookObject {
  hook: HelmHook;
  body: KubeObject;
  /** The same with other values in the Secrets; null: no Secret has a part in the release. */
  other: KubeObject | null;
}

/** What names it; of what the API server is to name, what the name begins with. */
export function hookKey(body: KubeObject): ObjectKey {
  const { name, generateName = '' } = body.metadata as ObjectMeta & { generateName?: string };
  return { ...keyOf(body), name: name === '' ? `${generateName}*` : name };
}

/** What the agent would release, made by the same code. */
export interface BuiltRelease {
  ref: UnitRef;
  rendered: RenderedRelease;
  /** Those in the chart's folder crds; none where they are skipped. */
  definitions: readonly Desired[];
  /** In the order in which hooks of one event run. */
  hooks: readonly HookObject[];
  /** The rendered NOTES.txt, secrets masked. */
  notes: string;
  /** What must not be shown of it. */
  secrets: Secrets;
  /** What is to be told beside it, a sentence each. */
  warnings: readonly string[];
  assumptions: readonly string[];
}

/** @throws PlumbError as the agent would tell it */
export async function buildRelease(request: BuildReleaseRequest): Promise<BuiltRelease> {
  const { declared, room } = request;
  const { ref, secrets } = declared;
  const lookups = new Lookups(room.surroundings.lookup, secrets);
  const { rendered, definitions, kinds } = await rendering(request, lookups).catch((thrown: unknown) => {
    throw secrets.error(asPlumbError(thrown));
  });
  for (const { body } of rendered.bundle.objects) secrets.add(body);
  const scope = { isNamespaced: room.surroundings.isNamespaced };
  const hooks = await hooksOf(rendered, declared, scope);
  for (const { body } of hooks) secrets.add(body);
  const other = await otherwise(request, { kinds, lookups });
  if (other !== null) compare(rendered, other, secrets);
  const others = other === null ? null : await hooksOf(other, declared, scope);
  return {
    ref,
    rendered,
    definitions,
    hooks: hooks.map((each) => ({
      ...each,
      other: others === null ? null : (counterpart(each, others)?.body ?? NOTHING),
    })),
    notes: secrets.text(rendered.notes, other?.notes ?? rendered.notes),
    secrets,
    warnings: rendered.bundle.warnings.map((warning) => secrets.message(warning)),
    assumptions: room.assumptions(kinds),
  };
}

const NOTHING: KubeObject = { apiVersion: '', kind: '', metadata: { name: '' } };

interface Rendering {
  rendered: RenderedRelease;
  definitions: readonly Desired[];
  /** Those that the definitions define. */
  kinds: readonly KnownKind[];
}

/** What the chart defines is there by the time its templates ask for it, as in the agent. */
async function rendering(request: BuildReleaseRequest, lookups: Lookups): Promise<Rendering> {
  const { declared, wish, crds, room, engine, signal } = request;
  const surroundings = { ...room.surroundings, lookup: lookups.answer };
  const context = { release: declared.release, engine, signal };
  const rendered = await renderIn(surroundings, declared.desired, wish, context);
  const definitions = crds === 'Skip' ? [] : await crdObjects(rendered.crds, ownerLabels(declared.ref));
  const kinds = definitions.flatMap(({ body }) => kindsOf(body));
  const more = missing(kinds, surroundings.apiVersions);
  if (more.length === 0) return { rendered, definitions, kinds };
  const apiVersions = [...surroundings.apiVersions, ...more];
  return {
    rendered: await renderIn({ ...surroundings, apiVersions }, declared.desired, wish, context),
    definitions,
    kinds,
  };
}

function missing(kinds: readonly KnownKind[], known: readonly string[]): string[] {
  const all = kinds.flatMap(({ group, version, kind }) => [`${group}/${version}`, `${group}/${version}/${kind}`]);
  return [...new Set(all)].filter((each) => !known.includes(each));
}

/** The same with other values in the Secrets that it takes and looks up; null for a release that none has a part in. */
async function otherwise(
  { declared, wish, room, engine, signal }: BuildReleaseRequest,
  { kinds, lookups }: { kinds: readonly KnownKind[]; lookups: Lookups },
): Promise<RenderedRelease | null> {
  const { leaves, release } = declared;
  if (leaves.length === 0 && !lookups.foundSecrets) return null;
  const { surroundings } = room;
  const apiVersions = [...surroundings.apiVersions, ...missing(kinds, surroundings.apiVersions)];
  const stage: Surroundings = { ...surroundings, apiVersions, lookup: lookups.otherwise };
  const render = async (others: Others): Promise<RenderedRelease | null> => {
    try {
      const desired = await declared.otherwise(others);
      return await renderIn(stage, desired, { ...wish, validateSchema: false }, { release, engine, signal });
    } catch (thrown) {
      const error = asPlumbError(thrown);
      if (error.code === 'cancelled' || error.code === 'api-unavailable') throw error;
      return null;
    }
  };
  return renderOtherwise(leaves, render);
}

/** Objects that both have are compared with each other, and those that are left in their order: their names may be made of a value. */
function compare({ bundle }: RenderedRelease, other: RenderedRelease, secrets: Secrets): void {
  const byId = new Map(other.bundle.objects.map((desired) => [keyId(desired.key), desired]));
  const mine = new Set(bundle.objects.map(({ key }) => keyId(key)));
  const left = other.bundle.objects.filter(({ key }) => !mine.has(keyId(key))).values();
  const others = bundle.objects.map(({ key }) => byId.get(keyId(key)) ?? left.next().value ?? { body: NOTHING });
  secrets.compare(bundle.objects, others);
}

function counterpart({ hook, body }: Omit<HookObject, 'other'>, others: readonly Omit<HookObject, 'other'>[]) {
  const alike = others.filter((other) => other.hook.path === hook.path && other.body.kind === body.kind);
  return alike.find((other) => other.body.metadata.name === body.metadata.name) ?? alike[0];
}

async function hooksOf(
  { hooks }: RenderedRelease,
  { release, desired }: DeclaredRelease,
  scope: Pick<Surroundings, 'isNamespaced'>,
): Promise<Omit<HookObject, 'other'>[]> {
  const identity = { name: desired.wanted.releaseName, namespace: releaseNamespaceOf(release) };
  const spec = { release: { ...identity, revision: 1, isUpgrade: false } };
  const made = await Promise.all(
    hooks.map(async (hook) => (await hookObjects(hook, spec, scope)).map((body) => ({ hook, body }))),
  );
  return made.flat();
}

/** What templates look up, with what must not be shown of it. */
class Lookups {
  readonly answer: Surroundings['lookup'];
  /** Answers with others in place of the values of Secrets. */
  readonly otherwise: Surroundings['lookup'];
  foundSecrets = false;

  constructor(lookup: Surroundings['lookup'], secrets: Secrets) {
    const answers = new Map<string, string | null>();
    const first = async (asked: HelmLookup): Promise<string | null> => {
      const id = [asked.apiVersion, asked.kind, asked.namespace, asked.name].join(' ');
      const known = answers.get(id);
      if (known !== undefined) return known;
      const answer = await lookup(asked);
      answers.set(id, answer);
      return answer;
    };
    this.answer = async (asked) => {
      const answer = await first(asked);
      for (const object of objectsIn(answer).filter(isSecret)) {
        secrets.add(object);
        this.foundSecrets = true;
      }
      return answer;
    };
    this.otherwise = async (asked) => {
      const answer = await first(asked);
      return answer === null ? null : withOthersIn(answer);
    };
  }
}

function objectsIn(answer: string | null): KubeObject[] {
  if (answer === null) return [];
  const value = parseJson(answer) as unknown as KubeObject & { items?: KubeObject[] };
  return value.items ?? [value];
}

function withOthersIn(answer: string): string {
  const value = parseJson(answer) as JsonObject & { items?: JsonObject[] };
  const changed = (object: JsonObject): JsonObject =>
    isSecret(object as unknown as KubeObject)
      ? (withStandIns(object as unknown as KubeObject) as unknown as JsonObject)
      : object;
  return printJson(value.items === undefined ? changed(value) : { ...value, items: value.items.map(changed) });
}
