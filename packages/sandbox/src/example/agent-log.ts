import type { Telling } from '@plumb/agent';

import type { LogSource } from '../nodes/kubelet-server.ts';

const REMEMBERED = 2_000;

/**
 * What the agent says, as the log of the pod that stands for it: the JSON lines Flux's controllers print, which `flux logs`
 * reads back. Only the last ones are kept.
 */
export class AgentLog {
  readonly #lines: string[] = [];

  add({ kind, namespace, name, event }: Telling, now: number): void {
    const level = event.type === 'Warning' ? 'error' : 'info';
    const ts = new Date(now).toISOString();
    this.#lines.push(JSON.stringify({ level, ts, msg: event.message, controllerKind: kind, name, namespace }));
    if (this.#lines.length > REMEMBERED) this.#lines.shift();
  }

  /** @returns null for every container but the agent's */
  readonly of: LogSource = ({ namespace, container }) =>
    namespace === 'flux-system' && container === 'manager' ? this.#lines.map((line) => `${line}\n`).join('') : null;
}
