import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keyId } from '@plumb/api';
import type { Clock } from '../runtime/clock.ts';
import type { LiveObjects } from './live.ts';
import { readRecord, writeRecord } from './record-file.ts';
import type { StoredBundle, UnitMemory } from './unit.ts';

/** Milliseconds over which the changes of a unit are written once. */
const LAZY = 5_000;

/**
 * What was delivered, kept on disk so that a restart needs neither builds nor a read of each object. Nothing depends on it but speed: an entry
 * counts only when the live object is exactly as that apply left it, and what is lost, stale or unreadable is read from the cluster instead.
 */
export class Records {
  readonly #dir: string;
  readonly #maker: string;
  readonly #clock: Clock;
  readonly #onFault: (what: string, error: unknown) => void;
  readonly #dirty = new Map<string, UnitMemory>();
  #cancel: (() => void) | null = null;
  /** The disk refuses what is written, and that was told. */
  #refused = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: {
    /** Made when missing. One process at a time. */
    dir: string;
    /** Names the program and what it builds with: bundles another one built are not taken over. */
    maker: string;
    clock: Clock;
    onFault: (what: string, error: unknown) => void;
  }) {
    this.#dir = options.dir;
    this.#maker = options.maker;
    this.#clock = options.clock;
    this.#onFault = options.onFault;
  }

  /** Gives a unit that was just made what an earlier process knew of it. */
  async recall(unit: UnitMemory): Promise<void> {
    if (unit.uid === '') return;
    const text = await readFile(this.#file(unit.uid), 'utf8').catch(() => null);
    const record = text === null ? null : readRecord(text, unit.uid, this.#maker);
    if (record === null) return;
    unit.bundle = record.bundle;
    unit.recalled = record.applied;
    unit.place = record.place;
    unit.actor = record.actor;
    unit.unproven = record.actor === null;
    unit.brought = record.brought;
    unit.vouched = record.vouched;
    unit.removedBy = record.removedBy;
    unit.toldBefore = record.told;
  }

  /** What is known of a unit changed. */
  note(unit: UnitMemory): void {
    if (unit.uid === '') return;
    this.#dirty.set(unit.uid, unit);
    this.#cancel ??= this.#clock.after(LAZY, () => void this.flush());
  }

  forget({ uid }: UnitMemory): void {
    this.#dirty.delete(uid);
    if (uid === '') return;
    this.#inTurn(async () => {
      // A write before this one may have failed, to be made again.
      this.#dirty.delete(uid);
      await rm(this.#file(uid), { force: true });
    });
  }

  /** Forgets every unit but these. */
  keepOnly(uids: ReadonlySet<string>): void {
    this.#inTurn(async () => {
      const names = await readdir(this.#dir).catch(() => []);
      for (const name of names) {
        const [, uid] = /^(.*)\.json(?:\.tmp)?$/.exec(name) ?? [];
        if (uid !== undefined && !uids.has(uid)) await rm(join(this.#dir, name), { force: true });
      }
    });
  }

  /** Resolves when all that was noted is on disk, or could not be written: that goes along with the next write. */
  async flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = null;
    const units = [...this.#dirty.values()];
    this.#dirty.clear();
    if (units.length > 0) this.#inTurn(() => this.#writeAll(units));
    await this.#writing;
  }

  /** Disk work goes one after the other. */
  #inTurn(work: () => Promise<void>): void {
    this.#writing = this.#writing.then(work).catch((error: unknown) => this.#tell(error));
  }

  /** A record that the disk refuses keeps no other from it. That it refuses is told once, until all is written again. */
  async #writeAll(units: readonly UnitMemory[]): Promise<void> {
    const errors: unknown[] = [];
    for (const unit of units) {
      try {
        await this.#write(unit);
      } catch (error) {
        errors.push(error);
        if (!this.#dirty.has(unit.uid)) this.#dirty.set(unit.uid, unit);
      }
    }
    if (errors.length > 0 && !this.#refused) this.#tell(errors[0]);
    this.#refused = errors.length > 0;
  }

  #tell(error: unknown): void {
    this.#onFault('what is known of the units could not be kept; the next start reads it from the cluster', error);
  }

  /** Whole or not at all: a process that is killed here leaves the record of before. */
  async #write(unit: UnitMemory): Promise<void> {
    const text = writeRecord(unit, this.#maker);
    if (text === null) return;
    const file = this.#file(unit.uid);
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    try {
      await writeFile(`${file}.tmp`, text, { mode: 0o600 });
      await rename(`${file}.tmp`, file);
    } catch (error) {
      // What was written of it takes room.
      await rm(`${file}.tmp`, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  #file(uid: string): string {
    return join(this.#dir, `${encodeURIComponent(uid)}.json`);
  }
}

/** Takes over what was recalled, of each object that is as it was left. The first list of its kind must be in. */
export function confirmRecalled(unit: UnitMemory, bundle: StoredBundle, live: LiveObjects): void {
  const { recalled } = unit;
  if (recalled === null) return;
  for (const { key, digest, rules } of bundle.objects) {
    const id = keyId(key);
    const last = recalled.get(id);
    const seen = live.get(id);
    if (last === undefined || seen === undefined || unit.applied.has(id)) continue;
    if (last.desiredDigest !== digest || last.ownedHash !== seen.ownedHash) continue;
    const { uid, resourceVersion, ownedHash } = seen;
    const said = rules.drift === undefined ? {} : { drift: rules.drift };
    unit.applied.set(id, { desiredDigest: digest, ownedHash, uid, resourceVersion, ...said });
  }
}
