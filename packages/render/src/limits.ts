/**
 * Bounds of one build. Each is far above what a Kubernetes API server accepts (an object is at most 1.5 MiB in etcd) or what a
 * person writes, and low enough that no repository can exhaust the agent.
 */
export const limits = {
  /** Bytes of one file. */
  fileBytes: 4 * 1024 * 1024,
  /** Bytes of all files of one build. */
  totalBytes: 64 * 1024 * 1024,
  files: 10_000,
  objects: 20_000,
  /** Levels of folders, of kustomizations that include kustomizations, and of nested lists and maps. */
  folderDepth: 64,
  kustomizationDepth: 64,
  /** Repositories and files that are named by address. */
  remotes: 100,
  yamlDepth: 100,
  /** Documents of one file. */
  documents: 10_000,
  /** Commas, colons, dashes, brackets and line ends of one file and of all files: no text has more values than these. */
  fileMarks: 1_000_000,
  totalMarks: 6_000_000,
  /** Aliases of one document, and the bytes it may have once they are written out. */
  aliases: 1_000,
  expandedBytes: 8 * 1024 * 1024,
  /** Symlinks followed on the way to one path, and characters it may have: as Linux has it. */
  links: 40,
  pathLength: 4096,
  /** Names and symlinks followed on all paths of one build. */
  steps: 1_000_000,
} as const;
