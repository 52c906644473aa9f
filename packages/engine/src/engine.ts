/** One file of a tree handed to the helper; `path` is relative to the tree's root, with `/`. */
export interface EngineFile {
  path: string;
  content: Uint8Array;
}

export interface KustomizeRequest {
  /** Every file the build may read. There is nothing else: no disk, no network. */
  files: readonly EngineFile[];
  /** The folder to build, relative to the root; '.' is the root. */
  path: string;
  /** Milliseconds after which the build is killed. */
  deadline: number;
  signal?: AbortSignal;
}

/** One object of a build: the JSON text as kustomize printed it, and the file it came from where kustomize knows. */
export interface KustomizeObject {
  json: string;
  /** Relative to the tree's root; empty for generated objects without a file. */
  origin: string;
}

export interface KustomizeResult {
  objects: KustomizeObject[];
  warnings: string[];
}

/** Why a call failed: the request itself was wrong, it took too long, the helper died, or the caller gave up. */
export type EngineErrorCode = 'failed' | 'timeout' | 'crashed' | 'cancelled' | 'protocol';

export class EngineError extends Error {
  readonly code: EngineErrorCode;
  constructor(code: EngineErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'EngineError';
    this.code = code;
  }
}

/** The port to the Go helper. Failures are EngineError. */
export interface Engine {
  kustomizeBuild(request: KustomizeRequest): Promise<KustomizeResult>;
  /** What the helpers cost so far, those that ended included: for metrics and benchmarks. */
  usage(): Promise<{ cpuSeconds: number; peakRssBytes: number; running: number }>;
  close(): Promise<void>;
}

export interface EngineOptions {
  /** The helper's executable. */
  path: string;
  /** Most processes at once. Default: the number of cores. */
  slots?: number;
  /** Milliseconds a process may idle before it is stopped. Default 60,000. */
  idleTimeout?: number;
  /** Bytes of memory after which a process ends itself, failing its request with `crashed`. Default 768 MiB. */
  memoryLimit?: number;
}
