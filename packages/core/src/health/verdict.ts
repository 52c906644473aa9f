import type { KubeObject } from '@plumb/api';
import type { Health } from '../health.ts';

/** A kind's own rule: what it awaits, or that nothing is left to await. The generic rules have passed already. */
export type HealthRule = (object: KubeObject) => Health;

export function current(message: string): Health {
  return { status: 'Current', message };
}

export function inProgress(message: string): Health {
  return { status: 'InProgress', message };
}

export function failed(message: string): Health {
  return { status: 'Failed', message };
}
