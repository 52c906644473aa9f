import type { CallBounds, EngineErrorCode } from './engine.ts';

/** Must equal the helper's: it changes with every incompatible change of frames or operations. */
export const protocolVersion = 2;

/** What a helper process has cost since it started. */
export interface Usage {
  cpuSeconds: number;
  peakRssBytes: number;
}

/** The helper's first frame. */
export interface Hello {
  protocol: number;
  operations: string[];
  versions: Record<string, string>;
  usage: Usage;
}

/** One call. `args` is the operation's own. It fails with `timeout` at its deadline. */
export interface Call extends CallBounds {
  op: string;
  args: unknown;
  files: readonly { path: string; content: Uint8Array }[];
  /** Milliseconds that it may take of a process at most, whatever its deadline. */
  longest?: number;
}

/** The header of an answer. */
export interface Answer {
  id: number;
  error?: { code: EngineErrorCode; message: string };
  result?: unknown;
  warnings?: string[];
  /** The process asks to be replaced. */
  recycle?: boolean;
  usage: Usage;
}

export interface Reply {
  result: unknown;
  warnings: string[];
  body: Buffer;
}

function isUsage(value: unknown): value is Usage {
  const usage = value as Partial<Usage> | null | undefined;
  return typeof usage?.cpuSeconds === 'number' && typeof usage.peakRssBytes === 'number';
}

export function isHello(header: unknown): header is Hello {
  const hello = header as Partial<Hello> | null;
  return typeof hello?.protocol === 'number' && Array.isArray(hello.operations) && isUsage(hello.usage);
}

export function isAnswer(header: unknown): header is Answer {
  const answer = header as Partial<Answer> | null;
  return typeof answer?.id === 'number' && isUsage(answer.usage);
}
