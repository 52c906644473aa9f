/** What is slow for one verb at one server: so far above what is usual there, and in no case below the floor. */
const TIMES_USUAL = 5;
const FLOOR_MS = 500;
/** Slow whatever is usual. */
const CEILING_MS = 10_000;
const RECENT_SHARE = 0.2;
/** The usual follows a slower server slowly, over some hundred answers, and a faster one at once. */
const USUAL_SHARE = 0.001;

interface Track {
  recent: number;
  usual: number;
}

/** Compares answer times with a moving baseline, verb by verb: a list takes longer than a get and means nothing by it. */
export class Latency {
  readonly #tracks = new Map<string, Track>();

  /** Takes in one answer's time in milliseconds. @returns whether the server answers this verb slowly now */
  isSlow(verb: string, latency: number): boolean {
    const track = this.#tracks.get(verb) ?? { recent: latency, usual: latency };
    this.#tracks.set(verb, track);
    track.recent += RECENT_SHARE * (latency - track.recent);
    if (track.recent < track.usual) track.usual = track.recent;
    else track.usual += USUAL_SHARE * (track.recent - track.usual);
    return latency > CEILING_MS || track.recent > Math.max(FLOOR_MS, TIMES_USUAL * track.usual);
  }
}
