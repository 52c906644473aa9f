import type { Telling } from './finisher.ts';

/** One line of the log, in the shape of Flux's controllers, which `flux logs` reads. `now` in milliseconds since the epoch. */
export function logLine(level: 'info' | 'error', msg: string, fields: object, now: number): string {
  return JSON.stringify({ level, ts: new Date(now).toISOString(), msg, ...fields });
}

/** What happened to an object, as a line of the log. */
export function toldLine({ kind, namespace, name, event }: Telling, now: number): string {
  const { reason, message } = event;
  const who = { controller: kind.toLowerCase(), controllerKind: kind, name, namespace, reason };
  if (event.type === 'Warning') return logLine('error', reason, { ...who, error: message }, now);
  return logLine('info', message, who, now);
}
