// Well-known names of Flux. Sources: fluxcd/pkg apis/meta and ssa; kustomize-controller and source-controller v1.9.

/** On every reconciled object, so that deletion waits for the agent. */
export const FINALIZER = 'finalizers.fluxcd.io';

/** Any new value asks for a run; it is copied to status.lastHandledReconcileAt. */
export const REQUESTED_AT_ANNOTATION = 'reconcile.fluxcd.io/requestedAt';

/** On a ConfigMap or Secret: a change of it is acted upon at once by whoever refers to it. */
export const WATCH_LABEL_SELECTOR = 'reconcile.fluxcd.io/watch=Enabled';

/** On every applied object: the Kustomization that owns it. */
export const OWNER_NAME_LABEL = 'kustomize.toolkit.fluxcd.io/name';
export const OWNER_NAMESPACE_LABEL = 'kustomize.toolkit.fluxcd.io/namespace';

/** Per-object rules, as label or annotation; values in any case. */
export const SSA_RULE = 'kustomize.toolkit.fluxcd.io/ssa';
export const FORCE_RULE = 'kustomize.toolkit.fluxcd.io/force';
export const PRUNE_RULE = 'kustomize.toolkit.fluxcd.io/prune';
export const RECONCILE_RULE = 'kustomize.toolkit.fluxcd.io/reconcile';
export const SUBSTITUTE_RULE = 'kustomize.toolkit.fluxcd.io/substitute';

/** What is done about drift, on a unit or on one of its objects: correct, warn or ignore. Flux has nothing like it for Kustomizations. */
export const DRIFT_ANNOTATION = 'plumb.dev/drift';

/** Field managers. Those of status are separate, so that applied objects and status never share one. */
export const APPLY_MANAGER = 'kustomize-controller';
export const KUSTOMIZATION_STATUS_MANAGER = 'gotk-kustomize-controller';
export const SOURCE_STATUS_MANAGER = 'gotk-source-controller';

/** Who Events come from: source.component and reportingController. */
export const KUSTOMIZATION_CONTROLLER = 'kustomize-controller';
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

/** Sources that others fetch: their artifacts are taken from where these objects say. */
export const READ_SOURCES = ['OCIRepository', 'Bucket', 'ExternalArtifact'].map(
  (kind) => ({ ...GIT_REPOSITORY, kind }) as const,
);
/** The one that needs leave (Flux: feature gate of the same name). */
export const EXTERNAL_ARTIFACT_KIND = 'ExternalArtifact';

/** A kind that is read, where the cluster serves it: a Kustomization may depend on one. */
export const HELM_RELEASE = { group: 'helm.toolkit.fluxcd.io', version: 'v2', kind: 'HelmRelease' } as const;
