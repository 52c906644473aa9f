import { randomInt } from 'node:crypto';

/** Below those that the system gives to connections (ip(7), ip_local_port_range): nobody takes it while its server is stopped. */
const PORTS = { first: 20_000, after: 32_000 };

/** A port for a server that a scenario stops and starts again. */
export function keptPort(): number {
  return randomInt(PORTS.first, PORTS.after);
}
