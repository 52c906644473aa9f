import type { ObjectKey } from '@plumb/api';
import { keyId } from '@plumb/api';
import { DEFAULT_RULES } from '@plumb/core';
import type { RemoteRead, RemoteTreeRead } from '@plumb/render';
import type { Ground, SourceRange } from './brought.ts';
import type { StoredBundle, StoredObject, UnitMemory } from './unit.ts';

/** What the last apply of an object left: digest of what was sent, hash of what we own of the answer. */
export interface Recalled {
  desiredDigest: string;
  ownedHash: string;
}

/** What a record brings back. `bundle` is null where another program made it: that one may build otherwise. */
export interface Record {
  bundle: StoredBundle | null;
  /** The cluster it was applied to (`Destination.place`). */
  place: string | null;
  /** The user it was applied as (`UnitMemory.actor`). */
  actor: string | null;
  /** `UnitMemory.brought`. */
  brought: Ground | null;
  /** `UnitMemory.vouched`. */
  vouched: Map<string, string>;
  /** `UnitMemory.removedBy`. */
  removedBy: UnitMemory['removedBy'];
  applied: Map<string, Recalled>;
  /** What was told of drift that is left (delivery/tolerate.ts). */
  told: Map<string, string>;
}

const FORMAT = 7;

type Row = [
  group: string,
  version: string,
  kind: string,
  namespace: string,
  name: string,
  digest: string,
  path: string,
  document: number,
  size: number,
  ownedHash: string,
  rules: StoredObject['rules'] | 0,
  /** Place in the file's lists of ignored fields. */
  ignored: number,
];

type Ids = [string, string | null][];
type RemoteRow = { url: string; digest: string } | (Omit<RemoteTreeRead, 'ids'> & { ids: Ids });

interface File {
  format: number;
  maker: string;
  uid: string;
  place: string | null;
  actor: string | null;
  /** Its reads are left out where they are those of the bundle. */
  brought?: Omit<Ground, 'reads'> & { reads?: Ids };
  /** Where there are any. */
  vouched?: [string, string][];
  removedBy?: readonly SourceRange[];
  bundle: Pick<
    StoredBundle,
    'digest' | 'specDigest' | 'configs' | 'values' | 'revision' | 'artifactDigest' | 'warnings'
  >;
  rules: string;
  reads: Ids;
  /** Where there are any. */
  remotes?: RemoteRow[];
  ignored: (readonly string[])[];
  told: [string, string][];
  objects: Row[];
}

/** A unit's delivered bundle, without bodies, and what its apply left; null before its first delivery. `maker` names the program. */
export function writeRecord(unit: UnitMemory, maker: string): string | null {
  const { uid, bundle, applied, place, actor, brought, unproven, tolerated, vouched, removedBy } = unit;
  if (bundle === null) return null;
  const { digest, specDigest, configs, values = {}, revision, artifactDigest, warnings, reads } = bundle;
  const ignored = [...new Set(bundle.objects.map((object) => object.ignored))];
  const objects = bundle.objects.map((object): Row => {
    const { group, version, kind, namespace, name } = object.key;
    const last = applied.get(keyId(object.key));
    const hash = last?.desiredDigest === object.digest ? last.ownedHash : '';
    const { path, document } = object.origin;
    const rules = object.rules === DEFAULT_RULES ? 0 : object.rules;
    const list = ignored.indexOf(object.ignored);
    return [group, version, kind, namespace, name, object.digest, path, document, object.size, hash, rules, list];
  });
  const file: File = {
    format: FORMAT,
    maker,
    uid,
    place,
    actor: unproven ? null : actor,
    ...(brought === null ? {} : { brought: broughtRow(brought, reads.ids) }),
    ...(vouched.size === 0 ? {} : { vouched: [...vouched] }),
    ...(removedBy === null ? {} : { removedBy }),
    bundle: { digest, specDigest, configs, values, revision, artifactDigest, warnings },
    rules: reads.rules,
    reads: [...reads.ids],
    ...(reads.remotes.length === 0 ? {} : { remotes: reads.remotes.map(remoteRow) }),
    ignored,
    told: [...tolerated].map(([id, { told }]) => [id, told]),
    objects,
  };
  return JSON.stringify(file);
}

/** @returns null for anything but a whole record of this unit */
export function readRecord(text: string, uid: string, maker: string): Record | null {
  try {
    const file = JSON.parse(text) as File;
    return file.format === FORMAT && file.uid === uid ? recordOf(file, maker) : null;
  } catch {
    return null;
  }
}

function recordOf(file: File, maker: string): Record {
  const same = interning();
  const pack = { bytes: null };
  const applied = new Map<string, Recalled>();
  const objects: StoredObject[] = [];
  let at = 0;
  for (const row of file.objects) {
    const [group, version, kind, namespace, name, digest, path, document, size, ownedHash, rules, list] = row;
    const key: ObjectKey = {
      group: same(group),
      version: same(version),
      kind: same(kind),
      namespace: same(namespace),
      name,
    };
    const origin = { path: same(path), document };
    const ignored = file.ignored[list] ?? [];
    objects.push({ key, digest, origin, ignored, rules: rules === 0 ? DEFAULT_RULES : rules, pack, at, size });
    at += size;
    if (ownedHash !== '') applied.set(keyId(key), { desiredDigest: digest, ownedHash });
  }
  const ids = new Map(file.reads);
  const { brought } = file;
  const reads = { rules: file.rules, ids, remotes: (file.remotes ?? []).map(remoteRead) };
  return {
    applied,
    place: file.place,
    actor: file.actor,
    brought: brought === undefined ? null : { ...brought, reads: brought.reads ? new Map(brought.reads) : ids },
    vouched: new Map(file.vouched),
    removedBy: file.removedBy ?? null,
    told: new Map(file.told),
    bundle: file.maker === maker ? { ...file.bundle, objects, reads, unknownModes: [], pack } : null,
  };
}

function broughtRow({ reads, ...ground }: Ground, ids: Ground['reads']): NonNullable<File['brought']> {
  return reads === ids ? ground : { ...ground, reads: [...reads] };
}

function remoteRow(read: RemoteRead): RemoteRow {
  return 'digest' in read ? read : { ...read, ids: [...read.ids] };
}

function remoteRead(row: RemoteRow): RemoteRead {
  return 'digest' in row ? row : { ...row, ids: new Map(row.ids) };
}

/** Parsing makes a string of its own of each occurrence. */
function interning(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const first = known.get(text);
    if (first === undefined) known.set(text, text);
    return first ?? text;
  };
}
