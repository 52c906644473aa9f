/** What somebody said of a pull request. */
export interface ToldReview {
  by: string;
  /** The commit that was its last one then. */
  of: string;
  /** An ISO time. */
  at: string;
  what: 'approve' | 'reject' | 'comment' | 'dismissed';
}

export interface ToldPull {
  number: number;
  author: string;
  state: 'open' | 'merged';
  /** Its last commits, one after the other, with the time at which each came. */
  heads: { id: string; at: string }[];
  commits: string[];
  /** The commit that it was merged as; null where its own last commit was. */
  landed: string | null;
  reviews: ToldReview[];
}

/** What a stand-in for a forge knows of one repository. */
export interface ForgeModel {
  repository: string;
  token: string;
  pulls: ToldPull[];
  /** Who may write, by login. */
  writers: string[];
  /** The tree of each commit. */
  trees: Record<string, string>;
}

/** An answer: null is "not found". */
export type Spoken = object | null;

/** One request that has its token right. `path` is below the root of the API, with its escapes undone piece by piece. */
export interface Spoke {
  path: string[];
  query: URLSearchParams;
  model: ForgeModel;
  /** The address of the API. */
  root: string;
}

export type Speak = (request: Spoke) => Spoken;

export function headOf({ heads }: ToldPull): string {
  return heads.at(-1)?.id ?? '';
}

export function pullOf({ pulls }: ForgeModel, number: string | undefined): ToldPull | undefined {
  return pulls.find((pull) => String(pull.number) === number);
}

/** Of the merged ones: those that brought a commit. */
export function bringing({ pulls }: ForgeModel, commit: string): ToldPull[] {
  return pulls.filter((pull) => pull.commits.includes(commit) || pull.landed === commit);
}

/** A page of a list: that which is asked for by `page`. */
export function paged<Item>(items: readonly Item[], query: URLSearchParams, size: number): Item[] {
  const page = Number(query.get('page') ?? 1);
  return items.slice((page - 1) * size, page * size);
}
