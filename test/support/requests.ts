import type { RequestCounter } from '@plumb/kube';

interface Request {
  verb: string;
  resource: string;
}

/** Notes what an agent sends, so that a scenario can say what must not be sent. */
export class Requests implements RequestCounter {
  readonly #sent: Request[] = [];

  count(verb: string, resource: string): void {
    this.#sent.push({ verb, resource });
  }

  /** What was sent since the last call, as `verb resource`. */
  take(): string[] {
    return this.#sent.splice(0).map(({ verb, resource }) => `${verb} ${resource}`);
  }
}
