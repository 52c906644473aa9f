/**
 * Keeps records on a disk that has no room for a while, and prints what became of it. Arguments: how the disk is filled (`disk`, `limit`),
 * its folder.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_RULES } from '@plumb/core';
import { fillDisk, freeDisk } from '@plumb/testkit/small-disk';
import { Records } from '../delivery/records.ts';
import { UnitMemory } from '../delivery/unit.ts';
import { systemClock } from '../runtime/clock.ts';

export interface RecordsStory {
  /** Errors that were told, by when: with no room, again with none, and with room. */
  told: Record<'full' | 'still' | 'room', string[]>;
  /** Files after the first failure and at the end. */
  files: Record<'full' | 'room', string[]>;
  /** Units whose last bundle a new process knows. */
  known: string[];
}

const [how = '', root = ''] = process.argv.slice(2);
const way = how === 'limit' ? 'limit' : 'disk';
const dir = join(root, 'units');
let told: string[] = [];
const onFault = (what: string, error: unknown): void => {
  told.push(`${what}: ${(error as NodeJS.ErrnoException).code}`);
};
const open = (): Records => new Records({ dir, maker: 'this', clock: systemClock, onFault });
const records = open();

/** A unit of so many objects. */
function unitOf(uid: string, digest: string, count: number): UnitMemory {
  const unit = new UnitMemory({ kind: 'Kustomization', namespace: 'flux-system', name: uid }, uid);
  const pack = { bytes: null };
  const objects = Array.from({ length: count }, (_, index) => ({
    key: { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: `map-${index}` },
    digest: 'digest'.repeat(10),
    origin: { path: 'maps.yaml', document: index },
    ignored: [],
    rules: DEFAULT_RULES,
    pack,
    at: index,
    size: 1,
  }));
  const reads = { rules: 'none', ids: new Map<string, string | null>(), remotes: [] };
  const made = { specDigest: '', configs: '', revision: 'main', artifactDigest: '', warnings: [], unknownModes: [] };
  unit.bundle = { digest, objects, pack, reads, ...made };
  return unit;
}

async function keep(...units: UnitMemory[]): Promise<string[]> {
  told = [];
  for (const unit of units) records.note(unit);
  await records.flush();
  return told;
}

await keep(unitOf('one', 'old', 100), unitOf('two', 'old', 100));
fillDisk(way, root);
const full = await keep(unitOf('one', 'new', 200), unitOf('two', 'new', 200));
const left = readdirSync(dir).sort();
const still = await keep(unitOf('three', 'new', 200));
freeDisk(way, root);
const room = await keep(unitOf('four', 'new', 1));

const known: string[] = [];
for (const uid of ['one', 'two', 'three', 'four']) {
  const unit = unitOf(uid, '', 0);
  await open().recall(unit);
  if (unit.bundle?.digest === 'new') known.push(uid);
}
const story: RecordsStory = {
  told: { full, still, room },
  files: { full: left, room: readdirSync(dir).sort() },
  known,
};
process.stdout.write(JSON.stringify(story));
