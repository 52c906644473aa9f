/** A merged pull request, or merge request. */
export interface PullRequest {
  number: number;
  /** Who opened it, by login; empty where that is told no more. */
  author: string;
  /** The id of its last commit. */
  head: string;
  /** The ids of the commits that it was merged as, or at least twelve digits of each. */
  landed: readonly string[];
}

/** That somebody approves a pull request as it was merged. */
export interface Review {
  /** By login. */
  by: string;
  /** Milliseconds since the epoch. */
  at: number;
}

/** A commit by its id, and that of its files. */
export interface NamedCommit {
  id: string;
  tree: string;
}

/** What a forge is asked about one repository. Whatever cannot be found out is thrown, never left out. */
export interface Forge {
  /** The merged pull requests that a commit came with. */
  pullsOf(commit: string): Promise<PullRequest[]>;
  /** The ids of the commits of a pull request, as far as they are told. */
  commitsOf(pull: PullRequest): Promise<string[]>;
  /**
   * Approvals that stand now and are of exactly its last commit.
   * @param named who may give one; null: who may write to the repository
   */
  reviewsOf(pull: PullRequest, named: ((login: string) => boolean) | null): Promise<Review[]>;
  /** Whether the last commit of a pull request has the same files as another. */
  isSame(head: string, commit: NamedCommit): Promise<boolean>;
}
