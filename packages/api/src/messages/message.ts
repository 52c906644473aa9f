import type { Reason } from '../reasons.ts';

/** Flux's severities. A trace event is recorded in the cluster, but never sent to notification receivers. */
export type Level = 'trace' | 'info' | 'error';

/** Where a message is given. An event is always a line of the log too. */
export type Channel = 'condition' | 'event' | 'log';

/** One thing the agent says. The text is a pure function of the payload; durations in payloads are milliseconds. */
export interface Message<Payload extends object> {
  /** Stable name for machines, such as `kustomization-applied`. */
  readonly id: string;
  readonly level: Level;
  readonly reason: Reason;
  readonly channels: readonly Channel[];
  readonly text: (payload: Payload) => string;
  /** A payload for the reference page. */
  readonly example: NoInfer<Payload>;
}

/** A message with its payload filled in. */
export interface Said {
  readonly id: string;
  readonly level: Level;
  readonly reason: Reason;
  readonly channels: readonly Channel[];
  readonly text: string;
}

/** Only there to infer the payload's type from the text's parameter. */
export function message<Payload extends object = object>(entry: Message<Payload>): Message<Payload> {
  return entry;
}

export function say<Payload extends object>(entry: Message<Payload>, payload: NoInfer<Payload>): Said {
  const { id, level, reason, channels } = entry;
  return { id, level, reason, channels, text: entry.text(payload) };
}

/** The type of a core/v1 Event of this level. */
export function eventType(level: Level): 'Normal' | 'Warning' {
  return level === 'error' ? 'Warning' : 'Normal';
}
