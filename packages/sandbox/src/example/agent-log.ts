import type { Telling } from '@plumb/agent';
import { toldLine } from '@plumb/agent';

import type { LogSource } from '../nodes/kubelet-server.ts';

const REMEMBERED = 2_000;

/**
 * What the agent says, as the log of the pod that stands for it: the JSON lines Flux's controllers print, which `flux logs`
 * reads back. Only the last ones are kept.
 */
export class AgentLog {
  readonly #lines: string[] = [];

  add(telling: Telling, now: number): void {
    this.#lines.push(toldLine(telling, now));
    if (this.#lines.length > REMEMBERED) this.#lines.shift();
  }

  /** @returns null for every container but the agent's */
  readonly of: LogSource = ({ namespace, container }) =>
    namespace === 'flux-system' && container === 'manager' ? this.#lines.map((line) => `${line}\n`).join('') : null;
}
