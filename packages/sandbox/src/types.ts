/** What the terminal is told: a line each. `level` is how loud. */
export interface Notice {
  level: 'info' | 'warn' | 'error';
  /** A short stable word for machines: `etcd-restarted`. */
  event: string;
  message: string;
}

export interface ControlPlaneOptions {
  /** The `cluster` executable. */
  clusterPath: string;
  /** Everything it keeps: etcd's data, certificates, kubeconfigs, logs. */
  dir: string;
  /** Preferred port of the API server; a free one is taken when it is in use. Default 6443. */
  port?: number;
  /** Writes a Metadata-level audit log to `<dir>/audit.log`. Default off. */
  audit?: boolean;
  notify?: (notice: Notice) => void;
}

/** A running API server, controller-manager and etcd on loopback. A child that dies is restarted; all die with this process. */
export interface ControlPlane {
  /** `https://127.0.0.1:<port>` */
  url: string;
  /** Path of the administrator's kubeconfig. */
  kubeconfig: string;
  /** A kubeconfig for another certificate user, so that its requests can be told apart. */
  kubeconfigFor(user: string, groups: readonly string[]): Promise<string>;
  /** Process ids by part; undefined while a part is down. */
  pids(): { etcd?: number; apiserver?: number; controllerManager?: number };
  stop(): Promise<void>;
}

/** A Git server on loopback over HTTP (`git http-backend`). */
export interface GitServer {
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** Makes an empty bare repository with default branch main. @returns its clone URL */
  create(name: string): Promise<string>;
  close(): Promise<void>;
}

/** Nodes and kubelets simulated against the cluster. */
export interface Nodes {
  close(): Promise<void>;
}
