/** Reasons any kind may give (fluxcd/pkg apis/meta/conditions.go, apis/acl). */
export type SharedReason =
  | 'Succeeded'
  | 'Failed'
  | 'Progressing'
  | 'ProgressingWithRetry'
  | 'Suspended'
  | 'DependencyNotReady'
  | 'InvalidPath'
  | 'InvalidURL'
  | 'InsecureConnectionsDisallowed'
  | 'UnsupportedConnectionType'
  | 'PruneFailed'
  | 'ArtifactFailed'
  | 'BuildFailed'
  | 'HealthCheckFailed'
  | 'HealthCheckCanceled'
  | 'ReconciliationSucceeded'
  | 'ReconciliationFailed'
  | 'InvalidCELExpression'
  | 'FeatureGateDisabled'
  | 'AccessDenied';

/** Reasons of sources (source-controller api/v1/condition_types.go and its events). */
export type SourceReason =
  | 'URLInvalid'
  | 'AuthenticationFailed'
  | 'VerificationError'
  | 'InvalidCommitSignature'
  | 'InvalidTagSignature'
  | 'InvalidGitObject'
  | 'InvalidVerificationMode'
  | 'GitOperationSucceeded'
  | 'GitOperationFailed'
  | 'EmptyGitRepository'
  | 'NewRevision'
  | 'NewArtifact'
  | 'ArtifactUpToDate'
  | 'ArtifactVerificationFailed'
  | 'GarbageCollectionSucceeded'
  | 'DirectoryCreationFailed'
  | 'StatOperationFailed'
  | 'ReadOperationFailed'
  | 'ArchiveOperationFailed'
  | 'SymlinkUpdateFailed'
  | 'InvalidProviderConfiguration'
  | 'CopyFailure'
  | 'NotFound'
  | 'NoArtifact';

/** Reasons of HelmReleases (helm-controller api/v2/condition_types.go, internal/reconcile and internal/controller). */
export type HelmReason =
  | 'InstallSucceeded'
  | 'InstallFailed'
  | 'UpgradeSucceeded'
  | 'UpgradeFailed'
  | 'TestSucceeded'
  | 'TestFailed'
  | 'AwaitingTests'
  | 'RollbackSucceeded'
  | 'RollbackFailed'
  | 'UninstallSucceeded'
  | 'UninstallFailed'
  | 'PendingRelease'
  | 'NoDriftDetected'
  | 'DriftCorrectionFailed'
  | 'RetriesExceeded'
  | 'MissingRollbackTarget'
  | 'SourceNotReady'
  | 'ValuesError'
  | 'ChartMutateError'
  | 'RESTClientError'
  | 'StateError';

/** Reasons Flux does not have. */
export type OwnReason =
  | 'InvalidSpec'
  | 'EmptyResult'
  | 'BuildWarnings'
  | 'DriftCorrected'
  | 'DriftDetected'
  | 'DriftLoop'
  | 'UnknownDriftMode'
  | 'ReleaseAdopted'
  | 'ReleaseRecovery';

export type Reason = SharedReason | SourceReason | HelmReason | OwnReason;
