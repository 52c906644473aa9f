import type { JsonObject, Said } from '@plumb/api';
import type { EventRecord } from './events.ts';

/** The four ways a run can end (docs/architecture.md). `facts` is what the controller's report needs to say what happened. */
export type Outcome<Facts> =
  /** The declared state is reached. */
  | { type: 'done'; facts: Facts }
  /** Under way or waiting for something else; look again after some milliseconds at the latest. */
  | { type: 'again'; facts: Facts; after: number }
  /** Failed; worth another try after some milliseconds. */
  | { type: 'retry'; facts: Facts; said: Said; after: number }
  /** Failed; nothing will change until the object does. */
  | { type: 'terminal'; facts: Facts; said: Said };

/** What a run leaves behind. The finisher is the only one who carries it out. */
export interface Report {
  /** The whole next status; null leaves it as it is. */
  status: JsonObject | null;
  events: readonly EventRecord[];
  /** Milliseconds until the next run; null: only a change wakes it. */
  after: number | null;
  /** For metrics: how it ended. */
  result: 'success' | 'requeue' | 'error' | 'terminal';
}
