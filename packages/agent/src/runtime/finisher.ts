import type { KubeObject } from '@plumb/api';
import type { EventRecord, EventRecorder } from './events.ts';
import type { Count, Observe } from './metrics.ts';
import type { Report } from './outcome.ts';
import type { KeyedQueue } from './queue.ts';
import type { StatusWriter } from './status-writer.ts';

/** What a host (a terminal, a log, a test) is told of each thing that happens. */
export interface Telling {
  kind: string;
  namespace: string;
  name: string;
  event: EventRecord;
}

/** The one place where the end of a run becomes status, events, metrics and the next wake-up. */
export class Finisher {
  readonly #component: string;
  readonly #kind: string;
  readonly #writer: StatusWriter;
  readonly #events: EventRecorder;
  readonly #queue: () => KeyedQueue;
  readonly #tell: (telling: Telling) => void;
  readonly #onWriteFailure: (id: string, error: unknown) => void;
  readonly #duration: Observe<'kind' | 'name' | 'namespace'>;
  readonly #count: Count<'controller' | 'result'>;

  constructor(options: {
    kind: string;
    component: string;
    writer: StatusWriter;
    events: EventRecorder;
    queue: () => KeyedQueue;
    tell: (telling: Telling) => void;
    onWriteFailure: (id: string, error: unknown) => void;
    duration: Observe<'kind' | 'name' | 'namespace'>;
    count: Count<'controller' | 'result'>;
  }) {
    this.#component = options.component;
    this.#kind = options.kind;
    this.#writer = options.writer;
    this.#events = options.events;
    this.#queue = options.queue;
    this.#tell = options.tell;
    this.#onWriteFailure = options.onWriteFailure;
    this.#duration = options.duration;
    this.#count = options.count;
  }

  /** The status is written behind the run: the next run already sees it, and a status that is overtaken is never sent. */
  finish(id: string, object: KubeObject, report: Report, seconds: number): void {
    const { name, namespace = '' } = object.metadata;
    if (report.status !== null) {
      this.#writer.write(id, report.status).catch((error: unknown) => this.#onWriteFailure(id, error));
    }
    for (const event of report.events) this.say(object, event);
    this.#duration({ kind: this.#kind, name, namespace }, seconds);
    this.#count({ controller: this.#kind.toLowerCase(), result: report.result });
    if (report.after !== null) this.#queue().addAfter(id, report.after);
  }

  say(object: KubeObject, event: EventRecord): void {
    if (event.logOnly !== true) this.#events.record(object, this.#component, event);
    this.#tell({ kind: this.#kind, namespace: object.metadata.namespace ?? '', name: object.metadata.name, event });
  }
}
