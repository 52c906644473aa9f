import { setTimeout as sleep } from 'node:timers/promises';
import { asPlumbError, type JsonObject, type KindRef, type PlumbError } from '@plumb/api';
import type { ResourceInfo } from '../cluster.ts';
import { aggregatedResources, classicGroupVersions, classicResources, DISCOVERY_ACCEPT } from './discovery-answer.ts';

/** Unknown kinds may ask the server again this often at once, then once per pause. */
const BURST = 4;
const PAUSE_MS = 2_000;

export type GetJson = (path: string, accept: string) => Promise<JsonObject>;

/** What the server serves, asked once and kept; asked again for a kind that is not in it. Shared by all identities of a connection. */
export class Discovery {
  readonly #getJson: GetJson;
  readonly #now: () => number;
  #resources: readonly ResourceInfo[] | undefined;
  #byKind = new Map<string, ResourceInfo>();
  /** Why nobody knows what a group and version (`apps/v1`) serves. */
  #unknown = new Map<string, PlumbError>();
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #paced: Promise<void> | undefined;
  #tokens = BURST;
  #refilledAt: number;

  constructor(getJson: GetJson, now: () => number = () => performance.now()) {
    this.#getJson = getJson;
    this.#now = now;
    this.#refilledAt = now();
  }

  async all(refresh: boolean): Promise<readonly ResourceInfo[]> {
    if (refresh || this.#resources === undefined) await this.#refresh();
    return this.#resources ?? [];
  }

  /** What earlier answers told of the kind. */
  known(kind: KindRef): ResourceInfo | undefined {
    return this.#byKind.get(idOf(kind));
  }

  /** The server does not know a path that its earlier answers told of: what that group and version serve is asked for again when it is needed. */
  forget(path: string): void {
    for (const [id, { group, version }] of this.#byKind) {
      const root = group === '' ? `/api/${version}/` : `/apis/${group}/${version}/`;
      if (path.startsWith(root)) this.#byKind.delete(id);
    }
  }

  /**
   * @returns null when the server does not serve the kind, by an answer asked for after this call
   * @throws PlumbError where the server does not tell what that group and version serves: that is no word of its not being there
   */
  async find(kind: KindRef): Promise<ResourceInfo | null> {
    const known = this.known(kind);
    if (known !== undefined) return known;
    if (this.#resources === undefined) await this.#refresh();
    else await this.#pacedRefresh();
    const found = this.known(kind);
    const unknown = this.#unknown.get(`${kind.group}/${kind.version}`);
    if (found === undefined && unknown !== undefined) throw unknown;
    return found ?? null;
  }

  /** Waiting callers share one refresh, which starts after they came. */
  #pacedRefresh(): Promise<void> {
    this.#paced ??= this.#takeToken().then(() => {
      this.#paced = undefined;
      return this.#refresh();
    });
    return this.#paced;
  }

  async #takeToken(): Promise<void> {
    const now = this.#now();
    const refilled = Math.floor((now - this.#refilledAt) / PAUSE_MS);
    if (refilled > 0) {
      this.#tokens = Math.min(BURST, this.#tokens + refilled);
      this.#refilledAt += refilled * PAUSE_MS;
    }
    if (this.#tokens > 0) {
      this.#tokens -= 1;
      return;
    }
    await sleep(this.#refilledAt + PAUSE_MS - now);
    this.#refilledAt += PAUSE_MS;
  }

  /** An answer that is under way may be older than what the caller has just created, so it is followed by one more. */
  #refresh(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#load().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#refresh();
      });
    return this.#next;
  }

  async #load(): Promise<void> {
    const unknown = new Map<string, PlumbError>();
    const [core, groups] = await Promise.all([this.#section('/api', unknown), this.#section('/apis', unknown)]);
    const resources = [...core, ...groups];
    const byKind = new Map<string, ResourceInfo>();
    for (const info of resources) {
      if (!byKind.has(idOf(info))) byKind.set(idOf(info), info);
    }
    this.#resources = resources;
    this.#byKind = byKind;
    this.#unknown = unknown;
  }

  async #section(root: '/api' | '/apis', unknown: Map<string, PlumbError>): Promise<ResourceInfo[]> {
    const answer = await this.#getJson(root, DISCOVERY_ACCEPT);
    const aggregated = aggregatedResources(answer);
    if (aggregated !== null) return aggregated;
    const lists = classicGroupVersions(answer).map(async (version) => {
      try {
        return classicResources(await this.#getJson(`${root}/${version}`, 'application/json'));
      } catch (error) {
        // One aggregated API that is down must not hide all others.
        unknown.set(root === '/api' ? `/${version}` : version, asPlumbError(error));
        return [];
      }
    });
    return (await Promise.all(lists)).flat();
  }
}

function idOf(kind: KindRef): string {
  return `${kind.group}/${kind.version}/${kind.kind}`;
}
