import type { JsonObject } from '@plumb/api';

/**
 * A set of paths in an object, in the steps of managedFields: `f:name`, `k:{"name":"x"}`, `v:"x"`. A path can be in the set
 * itself and have longer ones below it.
 */
export class PathSet {
  /** Steps that end a path of the set. */
  readonly members = new Set<string>();
  readonly children = new Map<string, PathSet>();

  get empty(): boolean {
    return this.members.size === 0 && this.children.size === 0;
  }

  child(step: string): PathSet {
    return this.children.get(step) ?? new PathSet();
  }

  /** The set below a step, made when there is none, to be filled. */
  grow(step: string): PathSet {
    let child = this.children.get(step);
    if (child === undefined) this.children.set(step, (child = new PathSet()));
    return child;
  }

  /** Drops empty branches that filling left behind. */
  trimmed(): PathSet {
    const result = new PathSet();
    this.members.forEach((step) => result.members.add(step));
    for (const [step, child] of this.children) result.attach(step, child.trimmed());
    return result;
  }

  attach(step: string, child: PathSet): void {
    if (!child.empty) this.children.set(step, child);
  }

  union(other: PathSet): PathSet {
    const result = new PathSet();
    for (const step of [...this.members, ...other.members]) result.members.add(step);
    for (const step of new Set([...this.children.keys(), ...other.children.keys()])) {
      result.attach(step, this.child(step).union(other.child(step)));
    }
    return result;
  }

  minus(other: PathSet): PathSet {
    const result = new PathSet();
    for (const step of this.members) if (!other.members.has(step)) result.members.add(step);
    for (const [step, child] of this.children) result.attach(step, child.minus(other.child(step)));
    return result;
  }

  intersect(other: PathSet): PathSet {
    const result = new PathSet();
    for (const step of this.members) if (other.members.has(step)) result.members.add(step);
    for (const [step, child] of this.children) result.attach(step, child.intersect(other.child(step)));
    return result;
  }

  equals(other: PathSet): boolean {
    return this.minus(other).empty && other.minus(this).empty;
  }

  /** The paths as people read them: `.spec.containers[name="x"].image`. */
  paths(prefix = ''): string[] {
    const own = [...this.members].map((step) => prefix + readable(step));
    return [...own, ...[...this.children].flatMap(([step, child]) => child.paths(prefix + readable(step)))].sort();
  }

  /** The notation of metadata.managedFields: a leaf is an empty object, `.` a node beside its children. */
  toFields(): JsonObject {
    const fields: JsonObject = {};
    for (const step of [...new Set([...this.members, ...this.children.keys()])].sort()) {
      const below = this.child(step).toFields();
      const both = this.members.has(step) && this.children.has(step);
      fields[step] = both ? { '.': {}, ...below } : below;
    }
    return fields;
  }

  static fromFields(fields: JsonObject): PathSet {
    const set = new PathSet();
    for (const [step, value] of Object.entries(fields)) {
      if (step === '.') continue;
      const below = value as JsonObject;
      if (Object.keys(below).length === 0 || '.' in below) set.members.add(step);
      set.attach(step, PathSet.fromFields(below));
    }
    return set;
  }
}

function readable(step: string): string {
  const rest = step.slice(2);
  if (step.startsWith('f:')) return `.${rest}`;
  if (step.startsWith('v:')) return `[=${rest}]`;
  const keys = Object.entries(JSON.parse(rest) as Record<string, unknown>);
  return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
}
