import { hashOf } from './hash.ts';

/** Separates a member's lasting name from what tells its process from the one before it; no name of a Kubernetes object holds it. */
const SEPARATOR = '/';

/** A member: the name that stays over restarts, and one term of one process. Never the same twice. */
export function memberId(name: string, term: string): string {
  return `${name}${SEPARATOR}${term}`;
}

/** The name that stays over restarts, so that a process that comes back gets its units back. */
export function memberName(id: string): string {
  const at = id.indexOf(SEPARATOR);
  return at === -1 ? id : id.slice(0, at);
}

/**
 * Whom a unit belongs to: the member of the highest weight for it (rendezvous hashing; Thaler and Ravishankar, 1998). A member that
 * leaves gives up its units and no others move; one that comes takes an even share of everybody's.
 * @returns null without members
 */
export function shardOwner(unit: string, members: readonly string[]): string | null {
  let owner: string | null = null;
  let best = '';
  for (const member of members) {
    const weight = hashOf([memberName(member), unit]);
    const isHigher = weight > best || (weight === best && owner !== null && member > owner);
    if (owner !== null && !isHigher) continue;
    owner = member;
    best = weight;
  }
  return owner;
}
