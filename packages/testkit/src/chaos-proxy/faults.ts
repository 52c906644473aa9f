/** What can go wrong with a request on its way. */
export const REQUEST_FAULTS = [
  /** Answered 50 to 800 ms late. */
  'delay',
  /** The connection is cut; the API server never sees the request. */
  'cut-before',
  /** The connection is cut in the middle of the answer's body. */
  'cut-midway',
  /** The API server carried it out, and the answer is lost. */
  'cut-after',
  /** 410 on a list or a watch. */
  'gone',
  /** 409 on a write. */
  'conflict',
  /** 429 with `Retry-After: 1`. */
  'throttled',
  /** 429 that names no time. */
  'refused',
  'error-500',
  'unavailable-503',
  /** 200, with half of its JSON. */
  'truncated',
  /** A list is answered as it was some lists ago. */
  'stale-list',
] as const;
export type RequestFault = (typeof REQUEST_FAULTS)[number];

/** What can go wrong with one event of a watch. */
export const EVENT_FAULTS = [
  'drop-event',
  /** An ERROR event with code 410 in its place. */
  'gone-event',
  /** The stream ends as if its time were over. */
  'close-watch',
  /** The stream stays open and brings nothing any more. */
  'mute-watch',
] as const;
export type EventFault = (typeof EVENT_FAULTS)[number];

/** How likely each fault is, in [0, 1], per request and per event. What is left out does not happen. */
export type FaultMix = Readonly<Partial<Record<RequestFault | EventFault, number>>>;

/** What a request is, as far as faults care. */
export interface RequestKind {
  watch: boolean;
  list: boolean;
  write: boolean;
}

export function kindOf(method: string, url: string): RequestKind {
  const { pathname, searchParams } = new URL(url, 'https://api');
  const watch = searchParams.get('watch') === 'true';
  const read = method === 'GET';
  return { watch, list: read && !watch && isCollection(pathname), write: !read };
}

/** `/api/v1/configmaps`, `/apis/apps/v1/namespaces/shop/deployments`: the last part is a plural, not a name. */
function isCollection(pathname: string): boolean {
  const parts = pathname.split('/').slice(1);
  const below = parts.slice(parts[0] === 'api' ? 2 : 3);
  if (below[0] === 'namespaces' && below.length > 2) return below.length === 3;
  return below.length === 1;
}

/** @returns what happens to this request; null: nothing */
export function drawRequestFault(mix: FaultMix, kind: RequestKind, random: () => number): RequestFault | null {
  return draw(
    REQUEST_FAULTS.filter((fault) => fits(fault, kind)),
    mix,
    random,
  );
}

export function drawEventFault(mix: FaultMix, random: () => number): EventFault | null {
  return draw(EVENT_FAULTS, mix, random);
}

function fits(fault: RequestFault, { watch, list, write }: RequestKind): boolean {
  if (fault === 'gone') return watch || list;
  if (fault === 'conflict') return write;
  if (fault === 'stale-list') return list;
  if (fault === 'truncated' || fault === 'cut-midway' || fault === 'cut-after') return !watch;
  return true;
}

function draw<F extends RequestFault | EventFault>(
  faults: readonly F[],
  mix: FaultMix,
  random: () => number,
): F | null {
  let left = random();
  for (const fault of faults) {
    left -= mix[fault] ?? 0;
    if (left < 0) return fault;
  }
  return null;
}
