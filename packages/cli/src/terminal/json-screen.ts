import type { Screen, Write } from './screen.ts';
import { unitLine } from './words.ts';

/** One JSON object a line. `event` says what it is; the other fields depend on it. */
export function jsonScreen(write: Write, now: () => number): Screen {
  const told = new Map<string, string>();
  const line = (event: string, fields: object): void => {
    write(`${JSON.stringify({ time: new Date(now()).toISOString(), event, ...fields })}\n`);
  };
  return {
    step: (message) => line('step', { message }),
    notice: ({ level, event, message }) => line(event, { level, message }),
    tell: ({ kind, namespace, name, event }) => {
      line('told', { kind, namespace, name, type: event.type, reason: event.reason, message: event.message });
    },
    units(units) {
      for (const unit of units.map(unitLine)) {
        const { name, revision, state, detail } = unit;
        const text = JSON.stringify({ name, revision, state, detail });
        if (told.get(name) === text) continue;
        told.set(name, text);
        line('kustomization', { name, revision, state, detail });
      }
    },
    addresses: (addresses) => line('addresses', addresses),
    ready: ({ kubeconfig, git, url }, seconds) => line('ready', { kubeconfig, git, url, seconds }),
    stopping: () => line('stopping', {}),
    close: () => undefined,
  };
}
