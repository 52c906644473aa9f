import type {
  HelmChartMetadata,
  HelmChartRequest,
  HelmDigestRequest,
  HelmTemplateRequest,
  HelmTemplateResult,
  HelmValuesRequest,
  HelmValuesResult,
} from './helm.ts';

/** One file of a tree handed to the helper; `path` is relative to the tree's root, with `/`. */
export interface EngineFile {
  path: string;
  content: Uint8Array;
}

/** What holds for every call of a helper. */
export interface CallBounds {
  /** Milliseconds after which the call is killed. */
  deadline: number;
  /** Whose call it is: tenants take turns where calls wait for a process. What is nobody's goes first. */
  tenant?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface KustomizeRequest extends CallBounds {
  /** Every file the build may read. There is nothing else: no disk, no network. */
  files: readonly EngineFile[];
  /** The folder to build, relative to the root; '.' is the root. */
  path: string;
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

export interface SubstituteRequest extends CallBounds {
  /** The JSON text of an object each. One without a `$` comes back equal and need not be sent. */
  objects: readonly string[];
  /** Line breaks are taken out of the values, as Flux does. */
  variables: Readonly<Record<string, string>>;
  /** Whether a variable that is not set and has no default is an error; it is empty otherwise. */
  strict: boolean;
}

/** One answer for each object, in order: its JSON after substitution, or why it failed (never a variable's value). */
export type Substituted = { json: string } | { error: string };

/**
 * How CEL expressions are read. `parsed` and `compiled` are as in Flux: in health checks the input's own fields are the variables, and
 * nothing is known of them before an expression runs; in ready expressions the variables are objects of any shape, and an expression
 * must give a boolean. `policy` is as in a ValidatingAdmissionPolicy: the variables are anything, null too, and what is refused,
 * what it gives and what it says are as at the API server.
 */
export type CelMode =
  | { kind: 'parsed' }
  | { kind: 'compiled'; variables: readonly string[] }
  | { kind: 'policy'; variables: readonly string[] };

/** Of a policy, one with `string` gives a text, as a `messageExpression` does, and one with `json` anything, as JSON with its keys in order. */
export type CelExpression = string | { expression: string; string: true } | { expression: string; json: true };

export interface CelCheckRequest<E extends CelExpression = CelExpression> extends CallBounds {
  mode: CelMode;
  expressions: readonly E[];
}

/** One run of an expression: its place in `expressions`, and the JSON object that holds its variables. */
export interface CelInput {
  expression: number;
  json: string;
  /** Of a policy: whose cost it counts to. Runs with the same number share a budget; by default all do. */
  budget?: number;
}

export interface CelEvalRequest<E extends CelExpression = string> extends CelCheckRequest<E> {
  inputs: readonly CelInput[];
}

/**
 * What a run gave, or why it gave nothing. The error may quote the input. A text is trimmed, and empty where the API server would not
 * take it for a message: more than 5 KiB or one line, or no text after all.
 */
export type CelResult<E extends CelExpression = string> =
  | { value: boolean }
  | (E extends string ? never : { text: string })
  | { error: string };

export interface OpenpgpRequest extends CallBounds {
  /** What was signed. */
  payload: Uint8Array;
  /** Detached, in armour. */
  signature: string;
  /** Public keys in armour; each may hold several blocks. */
  keyRings: readonly string[];
}

/**
 * The key that made a signature, by its id (16 hexadecimal digits) and fingerprint, and the numbers of the key rings it stands in; or why it does not count:
 * Flux's words where it has some.
 */
export type OpenpgpVerdict = { keyId: string; fingerprint: string; rings: readonly number[] } | { problem: string };

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
  /** Flux's variables in built objects (github.com/fluxcd/pkg/envsubst). */
  substitute(request: SubstituteRequest): Promise<Substituted[]>;
  /** What is wrong with each expression, in the words of Flux or, of policies, of the API server; null where nothing is. */
  celCheck(request: CelCheckRequest): Promise<(string | null)[]>;
  /**
   * One answer for each input, in order. A run may cost what Kubernetes allows one CEL call; those of policies with one budget together what it
   * allows one policy for one request. Where that does not suffice, the run and all after it fail.
   */
  celEval<E extends CelExpression = string>(request: CelEvalRequest<E>): Promise<CelResult<E>[]>;
  /** Checks a signature as of now: a key or signature that expired or was revoked does not count. */
  openpgpVerify(request: OpenpgpRequest): Promise<OpenpgpVerdict>;
  /** Merges layers of values. */
  helmValues(request: HelmValuesRequest): Promise<HelmValuesResult>;
  /** Reads a chart's metadata, and with it whether the archive is one. */
  helmChart(request: HelmChartRequest): Promise<HelmChartMetadata>;
  /** Renders a chart as Helm's install and upgrade do. Nothing but the output of one call is kept; random functions of templates give another each time. */
  helmTemplate(request: HelmTemplateRequest): Promise<HelmTemplateResult>;
  /** What Flux writes to `status.history[].digest` for a release record (snapshots of `apiVersion: v2`). */
  helmDigest(request: HelmDigestRequest): Promise<string>;
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
