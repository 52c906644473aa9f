import type { HealthCheckExpr, KubeObject, ObjectKey } from '@plumb/api';
import { keyId, printJson } from '@plumb/api';
import { entryFor, healthBeforeExpressions } from '@plumb/core';
import type { Health, Observed } from '@plumb/core';
import type { LiveChange } from './live.ts';

/** Characters of objects that wait to be judged, for one unit. What does not fit is read when its turn comes. */
const MOST_WAITING = 4 * 1024 * 1024;

interface Verdict {
  version: string;
  health: Health;
  /** The object could not be read, or the engine did not answer: another try may tell more. */
  passing: boolean;
}

/** An object whose verdict is missing; `json` is null where it has to be read. */
export interface Unjudged {
  key: ObjectKey;
  entry: HealthCheckExpr;
  version: string;
  json: string | null;
}

/**
 * What a unit's own expressions (spec.healthCheckExprs) say of the objects it waits for, each at one version. Another unit may judge
 * the same object otherwise. No object is kept but for the moment until it is judged.
 */
export class Verdicts {
  #entries: readonly HealthCheckExpr[] = [];
  /** Those of the objects waited for that have an entry. */
  readonly #waited = new Map<string, { key: ObjectKey; entry: HealthCheckExpr }>();
  readonly #known = new Map<string, Verdict>();
  readonly #waiting = new Map<string, { version: string; json: string }>();
  #characters = 0;

  /** Says what is waited for from now on. What is known of it stays, unless it is judged by something else now. */
  begin(entries: readonly HealthCheckExpr[], keys: readonly ObjectKey[]): void {
    if (printJson(entries) !== printJson(this.#entries)) this.#known.clear();
    this.#entries = entries;
    this.#waited.clear();
    for (const key of entries.length === 0 ? [] : keys) {
      const entry = entryFor(entries, key);
      if (entry !== null) this.#waited.set(keyId(key), { key, entry });
    }
    for (const id of this.#known.keys()) if (!this.#waited.has(id)) this.#known.delete(id);
    for (const id of this.#waiting.keys()) if (!this.#waited.has(id)) this.#drop(id);
  }

  /** Whether some object may be judged better by another try. */
  get passing(): boolean {
    return this.#known.values().some((verdict) => verdict.passing);
  }

  /** Nothing is waited for any more: what is known stays for the next wait. */
  end(): void {
    this.#waiting.clear();
    this.#characters = 0;
  }

  /** A watch brought an object. @returns whether that can change a verdict */
  note({ id, before, after, object }: Pick<LiveChange, 'id' | 'before' | 'after' | 'object'>): boolean {
    if (!this.#waited.has(id)) return false;
    this.#drop(id);
    if (after === undefined) {
      this.#known.delete(id);
      return true;
    }
    const version = versionOf(after);
    const open = this.#isOpen(id, version, true);
    if (open) this.#take(id, version, object);
    return open || before === undefined || versionOf(before) !== version;
  }

  put(id: string, verdict: Verdict): void {
    if (this.#waited.has(id)) this.#known.set(id, verdict);
  }

  /** Takes out what there is to judge. @param again those too whose last try failed for a passing reason */
  takeOpen(observed: (id: string) => Observed | undefined, again: boolean): Unjudged[] {
    const open: Unjudged[] = [];
    for (const [id, { key, entry }] of this.#waited) {
      const seen = observed(id);
      if (seen === undefined) continue;
      const version = versionOf(seen);
      const waiting = this.#waiting.get(id);
      this.#drop(id);
      if (!this.#isOpen(id, version, again)) continue;
      open.push({ key, entry, version, json: waiting?.version === version ? waiting.json : null });
    }
    return open;
  }

  /** The verdict on an object as it is seen; null where its kind's own rule holds. */
  healthOf(id: string, seen: Observed): Health | null {
    if (!this.#waited.has(id)) return null;
    const known = this.#known.get(id);
    return known?.version === versionOf(seen) ? known.health : { status: 'InProgress', message: '' };
  }

  #take(id: string, version: string, object: KubeObject): void {
    const health = healthBeforeExpressions(object);
    if (health !== null) return this.put(id, { version, health, passing: false });
    const json = inputOf(object);
    if (this.#characters + json.length > MOST_WAITING) return;
    this.#waiting.set(id, { version, json });
    this.#characters += json.length;
  }

  #isOpen(id: string, version: string, again: boolean): boolean {
    const known = this.#known.get(id);
    return known?.version !== version || (again && known.passing);
  }

  #drop(id: string): void {
    this.#characters -= this.#waiting.get(id)?.json.length ?? 0;
    this.#waiting.delete(id);
  }
}

/** What expressions are given of an object: all but who set which field. */
export function inputOf(object: KubeObject): string {
  const { managedFields: _dropped, ...metadata } = object.metadata;
  return printJson({ ...object, metadata });
}

export function versionOf({ uid, resourceVersion }: Pick<Observed, 'uid' | 'resourceVersion'>): string {
  return `${uid} ${resourceVersion}`;
}
