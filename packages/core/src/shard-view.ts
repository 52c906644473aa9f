import { shardOwner } from './shard.ts';

/** A set of members under a number. Each member publishes views of rising numbers only, so no view is ever published twice. */
export interface View {
  readonly number: number;
  /** Sorted. */
  readonly members: readonly string[];
}

/**
 * What one member knows. Rules:
 * S1 a member begins to publish a view only under a higher number than all it began to publish before;
 * S2 a view is agreed for a member when it has published it and sees it published by every other member of the view;
 * S3 a member acts on a unit only after a first agreement, and only if it owns it in the agreed view, in every view it began to publish
 *    since, and in the one it is about to publish;
 * S4 a view is published only when the work on units lost under it has ended (the caller's part);
 * S5 a member counts another as gone only when that one said farewell or its lease is surely over (the caller's part);
 * S6 a member sees the others only after the others can see it (the caller's part: it writes its lease, then lists).
 * From these: no two members act on one unit (I13). For say m acts under the agreed view V of number k, n under W of number l, k <= l.
 * Is m in W, then n saw it publish W: at k = l, V is W and has one owner (S1); at k < l, W is among the views that bind m (S3), and its owner is n.
 * Is m not in W, then n either knew m before, and m was gone (S5); or did not, so that m came after n's first list and m's own first list
 * showed it n (S6): then n is in V and has published V, which makes it know m before W if k < l, and is a contradiction if k = l.
 */
export interface ShardState {
  readonly self: string;
  /** The other members that live, with what each has published last; null: nothing yet. */
  readonly others: ReadonlyMap<string, View | null>;
  /** The views that bind this member: the agreed one, where there is one, and all it began to publish since. The last is the newest. */
  readonly standing: readonly View[];
  /** Whether there was an agreement. */
  readonly agreed: boolean;
  /** Whether the newest of `standing` is known to be written. */
  readonly published: boolean;
  /** The view to publish next, when the work on what is lost under it has ended; null: none. */
  readonly next: View | null;
}

export type ShardEvent =
  | { readonly type: 'seen'; readonly member: string; readonly view: View | null }
  | { readonly type: 'gone'; readonly member: string }
  /** The write of `next` begins: from here on anybody may see it. */
  | { readonly type: 'publishing' }
  /** The newest view is written. */
  | { readonly type: 'published' };

/** A member that has written its lease, and then seen these others. It acts on nothing yet. */
export function joinShards(self: string, others: ReadonlyMap<string, View | null>): ShardState {
  return settle({ self, others, standing: [], agreed: false, published: false, next: null });
}

export function stepShards(state: ShardState, event: ShardEvent): ShardState {
  switch (event.type) {
    case 'seen':
      return settle({ ...state, others: new Map(state.others).set(event.member, event.view) });
    case 'gone':
      return settle({ ...state, others: new Map([...state.others].filter(([member]) => member !== event.member)) });
    case 'publishing':
      return state.next === null
        ? state
        : settle({ ...state, standing: bound(state.standing, state.next), published: false });
    case 'published':
      return settle({ ...state, published: true });
  }
}

/** Whether this member may work on a unit now. */
export function actsOn({ self, standing, agreed, next }: ShardState, unit: string): boolean {
  if (!agreed) return false;
  return standing.every((view) => owns(self, view, unit)) && (next === null || owns(self, next, unit));
}

/** Whether all live members are agreed, as far as this one can see. */
export function isSettled({ agreed, standing, next }: ShardState): boolean {
  return agreed && standing.length === 1 && next === null;
}

export function sameView(a: View | null | undefined, b: View | null | undefined): boolean {
  if (a === null || a === undefined || b === null || b === undefined) return false;
  return a.number === b.number && sameMembers(a.members, b.members);
}

function owns(self: string, { members }: View, unit: string): boolean {
  return shardOwner(unit, members) === self;
}

/** Equal sets bind equally: one of them is kept, so that members that come and go for long do not make the list long. */
function bound(standing: readonly View[], next: View): View[] {
  return [...standing.filter(({ members }) => !sameMembers(members, next.members)), next];
}

function settle(state: ShardState): ShardState {
  const newest = state.standing.at(-1);
  const isAgreed = newest !== undefined && state.published && hasEveryone(state, newest);
  const after = isAgreed ? { ...state, agreed: true, standing: [newest] } : state;
  return { ...after, next: wanted(after) };
}

function hasEveryone({ self, others }: ShardState, view: View): boolean {
  return view.members.every((member) => member === self || sameView(others.get(member), view));
}

/** The view this member should be at, when it is not: one that another proposed already before one of its own. */
function wanted({ self, others, standing, published }: ShardState): View | null {
  const members = [self, ...others.keys()].sort();
  const newest = standing.at(-1);
  const own = newest?.number ?? 0;
  const seen = [...others.values()].filter((view) => view !== null);
  const proposed = seen.filter((view) => view.number > own && sameMembers(view.members, members));
  const best = proposed.toSorted((a, b) => b.number - a.number)[0];
  if (best !== undefined) return best;
  if (newest !== undefined && sameMembers(newest.members, members)) return published ? null : newest;
  return { number: Math.max(own, ...seen.map((view) => view.number)) + 1, members };
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((member, index) => member === b[index]);
}
