import * as Type from 'typebox';
import { choice, duration, flag, list, object, shortDuration, text, withRules } from './build.ts';
import { artifact, commonStatus, localReference, objectMeta } from './common.ts';
import { COMMON_COLUMNS, STATUS_DEFAULT, type KindDefinition } from './kind.ts';

const ref = object('The Git reference to follow. Empty means the branch master.', {
  branch: Type.Optional(text('Branch to check out.')),
  commit: Type.Optional(text('Commit to check out, before every other field. With branch, it is looked for there.')),
  name: Type.Optional(text('Full name of a reference, such as refs/pull/1/head; goes before semver, tag and branch.')),
  semver: Type.Optional(text('Range of semantic versions; the highest tag inside it is taken, before tag.')),
  tag: Type.Optional(text('Tag to check out, before branch.')),
});

const include = object('Content of another GitRepository to place inside this one.', {
  fromPath: Type.Optional(text('Folder to take from the other artifact. Its root by default.')),
  repository: localReference('The GitRepository to include, in the same namespace.'),
  toPath: Type.Optional(text("Folder to place it in. By default the other repository's name.")),
});

const VERIFICATION_MODES = ['head', 'HEAD', 'Tag', 'TagAndHEAD'] as const;

const verify = object('How the signatures of commits and tags are verified.', {
  mode: Type.Optional(
    choice('What must be signed: the commit, the tag, or both. head means HEAD.', VERIFICATION_MODES, {
      default: 'HEAD',
    }),
  ),
  secretRef: localReference('Secret with the public keys to trust: PGP under *.asc, SSH under *.sshpub.'),
});

const specFields = object('Where the repository is and which of its revisions to offer.', {
  ignore: Type.Optional(text('Paths to leave out, in the notation of .gitignore; replaces the default list.')),
  include: Type.Optional(list('Other GitRepositories whose content becomes part of this artifact.', include)),
  interval: duration('How often the remote is asked for a new revision. Spread by some jitter.'),
  provider: Type.Optional(
    choice('Where credentials come from. generic takes them from secretRef.', ['generic', 'aws', 'azure', 'github']),
  ),
  proxySecretRef: Type.Optional(localReference('Secret with the proxy to use: address, username, password.')),
  recurseSubmodules: Type.Optional(flag('Fetch submodules too, with their own settings.')),
  ref: Type.Optional(ref),
  secretRef: Type.Optional(
    localReference(
      'Secret with the credentials: username and password, or bearerToken, for HTTP; identity and known_hosts for SSH.',
    ),
  ),
  serviceAccountName: Type.Optional(
    text('ServiceAccount whose identity is used towards the provider. Only with aws and azure.'),
  ),
  sparseCheckout: Type.Optional(list('Folders to offer; everything else is left out.', Type.String())),
  suspend: Type.Optional(flag('Stop following this repository.')),
  timeout: Type.Optional(shortDuration('How long one fetch may take.', { default: '60s' })),
  url: text('Address of the repository: http, https or ssh.', { pattern: '^(http|https|ssh)://.*$' }),
  verify: Type.Optional(verify),
});

const spec = withRules(specFields, [
  {
    rule: "!has(self.serviceAccountName) || (has(self.provider) && (self.provider == 'azure' || self.provider == 'aws'))",
    message: "serviceAccountName can only be set when provider is 'azure' or 'aws'",
    holds: (self) => self.serviceAccountName === undefined || self.provider === 'azure' || self.provider === 'aws',
  },
]);

const status = object(
  'What was last seen of the repository.',
  {
    ...commonStatus,
    artifact: Type.Optional(artifact('The artifact on offer.')),
    includedArtifacts: Type.Optional(
      list('The artifacts that spec.include placed in this one.', artifact('An included artifact.')),
    ),
    observedIgnore: Type.Optional(text('spec.ignore as the artifact was made with.')),
    observedInclude: Type.Optional(list('spec.include as the artifact was made with.', include)),
    observedRecurseSubmodules: Type.Optional(flag('spec.recurseSubmodules as the artifact was made with.')),
    observedSparseCheckout: Type.Optional(list('spec.sparseCheckout as the artifact was made with.', Type.String())),
    sourceVerificationMode: Type.Optional(text('Which objects of Git were verified.')),
  },
  { default: STATUS_DEFAULT },
);

/** A GitRepository as the API server gives it (Flux source.toolkit.fluxcd.io/v1). */
export const gitRepository = Type.Object({
  apiVersion: Type.Literal('source.toolkit.fluxcd.io/v1'),
  kind: Type.Literal('GitRepository'),
  metadata: objectMeta,
  spec,
  status: Type.Optional(status),
});

export type GitRepository = Type.Static<typeof gitRepository>;
export type GitRepositorySpec = Type.Static<typeof spec>;
export type GitRepositoryStatus = Type.Static<typeof status>;
export type GitRepositoryRef = Type.Static<typeof ref>;
export type GitRepositoryInclude = Type.Static<typeof include>;
export type GitRepositoryVerification = Type.Static<typeof verify>;

export const gitRepositoryKind = {
  group: 'source.toolkit.fluxcd.io',
  version: 'v1',
  kind: 'GitRepository',
  plural: 'gitrepositories',
  singular: 'gitrepository',
  shortNames: ['gitrepo'],
  categories: ['all', 'fluxcd', 'fluxcd-sources'],
  columns: [{ name: 'URL', type: 'string', jsonPath: '.spec.url' }, ...COMMON_COLUMNS],
  component: 'source-controller',
  description: 'A Git repository to follow; its current revision is offered as an artifact.',
  spec,
  status,
} as const satisfies KindDefinition;
