import type { Ownership } from '@plumb/core';
import type { Away, Cluster, Remote } from '@plumb/kube';
import type { Clock } from '../runtime/clock.ts';
import type { Destination } from './destination.ts';
import { LiveObjects, type LiveChange } from './live.ts';
import { Refusals } from './refusals.ts';

/** What befell a remote cluster: it has not answered for a while, it answers again, it takes our credentials no more. */
export type News = 'away' | 'back' | 'refused';

export interface ClustersOptions {
  /** The cluster the agent runs in. */
  cluster: Cluster;
  /** @param onRefused is told each time the server refuses the credentials */
  connect: (remote: Remote, onRefused: () => void) => Cluster;
  clock: Clock;
  /** Whose objects are looked at. */
  ownership: Ownership;
  /** Milliseconds between searches for events a watch never brought. */
  checkInterval?: number | undefined;
  onLive: (change: LiveChange, destination: Destination) => void;
  /** Its units are to look again. */
  onNews: (destination: Destination, news: News) => void;
  /** Told, once each, that a cluster went away and that it is back. */
  onNotice: (text: string) => void;
}

/** A cluster must be away for so long before its units are told: what passes sooner is no news. Milliseconds. */
const TELL_AFTER = 5_000;

/** A remote cluster, and the units that use it. */
interface Entry extends Destination {
  readonly users: Set<string>;
  close(): Promise<void>;
}

/**
 * The clusters units deliver to: the agent's own, and one connection for each remote that any unit uses, with its watches and its window of
 * requests. Units whose kubeconfigs say the same share it; it is closed when the last of them has left it.
 */
export class Clusters {
  readonly own: Destination;
  readonly #options: ClustersOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #used = new Map<string, Entry>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: ClustersOptions) {
    this.#options = options;
    const { cluster } = options;
    const live = this.#liveOf(cluster, () => this.own);
    this.own = { id: '', place: '', host: '', cluster, live, confirm: () => Promise.resolve() };
  }

  /** The remote clusters that are connected to. */
  get remotes(): Iterable<Destination> {
    return this.#entries.values();
  }

  /** Objects in view, in all clusters. */
  get observed(): number {
    return [this.own, ...this.#entries.values()].reduce((sum, { live }) => sum + live.size, 0);
  }

  /** What a unit delivers to from now on; null: the agent's own cluster. What it used before is closed once nobody else does. */
  use(unit: string, remote: Remote | null): Destination {
    const entry = remote === null ? null : (this.#entries.get(remote.id) ?? this.#open(remote));
    if ((this.#used.get(unit) ?? null) === entry) return entry ?? this.own;
    this.release(unit);
    if (entry === null) return this.own;
    entry.users.add(unit);
    this.#used.set(unit, entry);
    return entry;
  }

  /** The unit delivers to nothing any more. */
  release(unit: string): void {
    const entry = this.#used.get(unit);
    (entry ?? this.own).live.keepOnly(unit, new Set());
    if (entry === undefined) return;
    this.#used.delete(unit);
    entry.users.delete(unit);
    if (entry.users.size === 0) this.#close(entry);
  }

  async close(): Promise<void> {
    for (const entry of this.#entries.values()) this.#close(entry);
    await Promise.all([this.own.live.close(), ...this.#closing]);
  }

  #open(remote: Remote): Entry {
    const { id, place, host } = remote;
    const refusals = new Refusals(this.#options.clock, () => this.#options.onNews(entry, 'refused'));
    const cluster = this.#options.connect(remote, () => refusals.note());
    const live = this.#liveOf(cluster, () => entry);
    const endTelling = this.#watch(cluster, host, () => entry);
    const entry: Entry = {
      id,
      place,
      host,
      cluster,
      live,
      users: new Set(),
      confirm: () => refusals.confirm(cluster),
      close: async () => {
        endTelling();
        await live.close();
        await cluster.close();
      },
    };
    this.#entries.set(id, entry);
    return entry;
  }

  #close(entry: Entry): void {
    this.#entries.delete(entry.id);
    const closing = entry.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #liveOf(cluster: Cluster, destination: () => Destination): LiveObjects {
    const { ownership, checkInterval, onLive } = this.#options;
    const onChange = (change: LiveChange): void => onLive(change, destination());
    return new LiveObjects({ cluster, ownership, checkInterval, onChange });
  }

  /** @returns ends the watching */
  #watch({ connection }: Cluster, host: string, entry: () => Entry): () => void {
    const { clock, onNews, onNotice } = this.#options;
    let cancel = (): void => undefined;
    let told = false;
    const end = connection.listen((away: Away | null) => {
      cancel();
      if (away !== null) {
        cancel = clock.after(TELL_AFTER, () => {
          told = true;
          onNotice(`the cluster at ${host} has not answered since ${timeOf(away)}: ${away.error}`);
          onNews(entry(), 'away');
        });
        return;
      }
      if (told) onNotice(`the cluster at ${host} answers again`);
      told = false;
      onNews(entry(), 'back');
    });
    return () => {
      end();
      cancel();
    };
  }
}

function timeOf({ since }: Away): string {
  return new Date(since).toISOString();
}
