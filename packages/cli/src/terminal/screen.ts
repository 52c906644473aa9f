import type { Telling } from '@plumb/agent';
import type { SandboxHost } from '@plumb/sandbox';

/** What is shown once the sandbox answers. */
export interface Addresses {
  url: string;
  kubeconfig: string;
  git: string;
}

/** A way of showing the sandbox: for people at a terminal, for a pipe, for programs. */
export interface Screen extends SandboxHost {
  addresses(addresses: Addresses): void;
  ready(addresses: Addresses, seconds: number): void;
  stopping(): void;
  close(): void;
}

export type Write = (text: string) => void;

export function nameOf({ kind, namespace, name }: Telling): string {
  return `${kind}/${namespace}/${name}`;
}
