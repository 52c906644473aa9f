// Well-known names of Flux. Sources: fluxcd/pkg apis/meta and ssa; kustomize-controller and source-controller v1.9.

/** On every reconciled object, so that deletion waits for the agent. */
export const FINALIZER = 'finalizers.fluxcd.io';

/** Any new value asks for a run; it is copied to status.lastHandledReconcileAt. */
export const REQUESTED_AT_ANNOTATION = 'reconcile.fluxcd.io/requestedAt';

/** On a ConfigMap or Secret: a change of it is acted upon at once by whoever refers to it. */
export const WATCH_LABEL_SELECTOR = 'reconcile.fluxcd.io/watch=Enabled';

/** On every applied object: the Kustomization, or the HelmRelease, that owns it. */
export const OWNER_NAME_LABEL = 'kustomize.toolkit.fluxcd.io/name';
export const OWNER_NAMESPACE_LABEL = 'kustomize.toolkit.fluxcd.io/namespace';
export const HELM_OWNER_NAME_LABEL = 'helm.toolkit.fluxcd.io/name';
export const HELM_OWNER_NAMESPACE_LABEL = 'helm.toolkit.fluxcd.io/namespace';

/** On an object of a release, as label or annotation: whatever becomes of it is no drift (helm-controller). */
export const DRIFT_DETECTION_RULE = 'helm.toolkit.fluxcd.io/driftDetection';
/** Helm's own: with `keep` the object outlives its release. */
export const RESOURCE_POLICY_ANNOTATION = 'helm.sh/resource-policy';

/** Per-object rules, as label or annotation; values in any case. */
export const SSA_RULE = 'kustomize.toolkit.fluxcd.io/ssa';
export const FORCE_RULE = 'kustomize.toolkit.fluxcd.io/force';
export const PRUNE_RULE = 'kustomize.toolkit.fluxcd.io/prune';
export const RECONCILE_RULE = 'kustomize.toolkit.fluxcd.io/reconcile';
export const SUBSTITUTE_RULE = 'kustomize.toolkit.fluxcd.io/substitute';

/** What is done about drift, on a unit or on one of its objects: correct, warn or ignore. Flux has nothing like it for Kustomizations. */
export const DRIFT_ANNOTATION = 'plumb.dev/drift';

/** Asks for one upgrade, whatever the state; and for the failures to be forgotten. Each counts where it equals requestedAt (helm-controller api/v2). */
export const FORCE_AT_ANNOTATION = 'reconcile.fluxcd.io/forceAt';
export const RESET_AT_ANNOTATION = 'reconcile.fluxcd.io/resetAt';

/** Field managers. Those of status are separate, so that applied objects and status never share one. */
export const APPLY_MANAGER = 'kustomize-controller';
export const KUSTOMIZATION_STATUS_MANAGER = 'gotk-kustomize-controller';
export const HELM_APPLY_MANAGER = 'helm-controller';
export const HELM_STATUS_MANAGER = 'gotk-helm-controller';
export const SOURCE_STATUS_MANAGER = 'gotk-source-controller';

/** Who Events come from: source.component and reportingController. */
export const KUSTOMIZATION_CONTROLLER = 'kustomize-controller';
export const HELM_CONTROLLER = 'helm-controller';
export const SOURCE_CONTROLLER = 'source-controller';

/** Labels of the CRDs and Deployments that `flux check`, `flux version` and `flux logs` look for. */
export const PART_OF_LABEL = 'app.kubernetes.io/part-of';
export const INSTANCE_LABEL = 'app.kubernetes.io/instance';
export const COMPONENT_LABEL = 'app.kubernetes.io/component';
export const VERSION_LABEL = 'app.kubernetes.io/version';

/** The Flux release whose APIs are served. */
export const FLUX_VERSION = 'v2.9.4';
export const FLUX_NAMESPACE = 'flux-system';

/** Key of an artifact's metadata: the revision of what the artifact itself was made from. */
export const ORIGIN_REVISION_KEY = 'org.opencontainers.image.revision';

/** status.history holds this many snapshots, newest first. */
export const HISTORY_LIMIT = 5;

/** The kinds served. */
export const GIT_REPOSITORY = { group: 'source.toolkit.fluxcd.io', version: 'v1', kind: 'GitRepository' } as const;
export const KUSTOMIZATION = { group: 'kustomize.toolkit.fluxcd.io', version: 'v1', kind: 'Kustomization' } as const;

/** What a HelmRelease makes of its spec.chart, for whoever fetches charts. */
export const HELM_CHART = { ...GIT_REPOSITORY, kind: 'HelmChart' } as const;

/** Sources that others fetch: their artifacts are taken from where these objects say. */
export const READ_SOURCES = ['OCIRepository', 'Bucket', 'ExternalArtifact'].map(
  (kind) => ({ ...GIT_REPOSITORY, kind }) as const,
);
/** The one that needs leave (Flux: feature gate of the same name). */
export const EXTERNAL_ARTIFACT_KIND = 'ExternalArtifact';

export const HELM_RELEASE = { group: 'helm.toolkit.fluxcd.io', version: 'v2', kind: 'HelmRelease' } as const;

/** The kinds that hold changes back. */
export const RELEASE_POLICY = { group: 'plumb.dev', version: 'v1', kind: 'ReleasePolicy' } as const;
export const CLUSTER_RELEASE_POLICY = { ...RELEASE_POLICY, kind: 'ClusterReleasePolicy' } as const;
export const CHANGE = { ...RELEASE_POLICY, kind: 'Change' } as const;
export const PLAN = { ...RELEASE_POLICY, kind: 'Plan' } as const;
export const APPROVAL = { ...RELEASE_POLICY, kind: 'Approval' } as const;
export const LOCKDOWN = { ...RELEASE_POLICY, kind: 'Lockdown' } as const;

/** Who writes Changes. */
export const GATES_MANAGER = 'plumb-gates';

/** On what makes the API server enforce who approves; the value says what it is about. */
export const GATES_LABEL = 'plumb.dev/gates';
