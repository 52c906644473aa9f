import { message } from './message.ts';

const REVISION = 'main@sha1:5c1dbd1c6a6c4a2a5ba0a4f2e5d1d6f5b6c7d8e9';

/** What is said about a GitRepository, in Flux's texts (source-controller, gitrepository_controller.go). */
export const gitRepositoryMessages = {
  stored: message({
    id: 'git-stored',
    level: 'info',
    reason: 'Succeeded',
    channels: ['condition'],
    text: (p: { revision: string }) => `stored artifact for revision '${p.revision}'`,
    example: { revision: REVISION },
  }),
  newArtifact: message({
    id: 'git-new-artifact',
    level: 'info',
    reason: 'NewArtifact',
    channels: ['event', 'log'],
    text: (p: { subject: string }) => `stored artifact for commit '${shortSubject(p.subject)}'`,
    example: { subject: 'Raise the cart to three replicas' },
  }),
  upToDate: message({
    id: 'git-up-to-date',
    level: 'trace',
    reason: 'ArtifactUpToDate',
    channels: ['event', 'log'],
    text: (p: { revision: string }) => `artifact up-to-date with remote revision: '${p.revision}'`,
    example: { revision: REVISION },
  }),
  fetchFailed: message({
    id: 'git-fetch-failed',
    level: 'error',
    reason: 'GitOperationFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: {
      error:
        "failed to checkout and determine revision: unable to clone 'https://git.example/shop': authentication required: no credentials were given, set spec.secretRef",
    },
  }),
  secretFailed: message({
    id: 'git-secret-failed',
    level: 'error',
    reason: 'AuthenticationFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: { namespace: string; name: string; error: string }) =>
      `failed to get secret '${p.namespace}/${p.name}': ${p.error}`,
    example: { namespace: 'flux-system', name: 'shop', error: 'secrets "shop" not found' },
  }),
  credentialsInvalid: message({
    id: 'git-credentials-invalid',
    level: 'error',
    reason: 'AuthenticationFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => `failed to configure authentication options: ${p.error}`,
    example: { error: "secret 'flux-system/shop' needs both 'username' and 'password'" },
  }),
  urlInvalid: message({
    id: 'git-url-invalid',
    level: 'error',
    reason: 'URLInvalid',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: { error: "failed to parse url 'https://': use http://, https:// or ssh:// with a host" },
  }),
  empty: message({
    id: 'git-empty',
    level: 'error',
    reason: 'EmptyGitRepository',
    channels: ['condition', 'event', 'log'],
    text: () => 'git repository is empty',
    example: {},
  }),
  proxyInvalid: message({
    id: 'git-proxy-invalid',
    level: 'error',
    reason: 'AuthenticationFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => `failed to configure proxy options: ${p.error}`,
    example: { error: "invalid proxy secret 'flux-system/proxy': key 'address' is missing" },
  }),
  providerWithoutApp: message({
    id: 'git-provider-without-app',
    level: 'error',
    reason: 'InvalidProviderConfiguration',
    channels: ['condition', 'event', 'log'],
    text: () => 'secretRef with github app data must be specified when provider is set to github',
    example: {},
  }),
  appWithoutProvider: message({
    id: 'git-app-without-provider',
    level: 'error',
    reason: 'InvalidProviderConfiguration',
    channels: ['condition', 'event', 'log'],
    text: (p: { namespace: string; name: string }) =>
      `secretRef '${p.namespace}/${p.name}' has github app data but provider is not set to github`,
    example: { namespace: 'flux-system', name: 'shop' },
  }),
  verified: message({
    id: 'git-verified',
    level: 'trace',
    reason: 'Succeeded',
    channels: ['condition', 'event', 'log'],
    text: ({ tag, commit }: { tag?: SignedBy; commit?: SignedBy }) =>
      [
        'verified signature of',
        ...(tag ? [`- tag '${tag.name}' with key '${tag.key}'`] : []),
        ...(commit ? [`- commit '${commit.name}' with key '${commit.key}'`] : []),
      ].join('\n\t'),
    example: {
      tag: { name: 'v1.2.0@9c1f6b0a1f0e4b0f6a54bb9d3c3c7f9a77f2e9f1', key: '5982D0279C227FFD' },
      commit: {
        name: 'f04de5d6b602bcdf1a83539e6149a19bf81d2216',
        key: 'SHA256:2gXa3pZ0eN6nJ5y8cVbq1hKQ0r0w5qYV3oYtD1kq9xk',
      },
    },
  }),
  commitNotVerified: message({
    id: 'git-commit-not-verified',
    level: 'error',
    reason: 'InvalidCommitSignature',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: {
      error:
        "signature verification of commit 'f04de5d6b602bcdf1a83539e6149a19bf81d2216' failed: unable to verify Git commit: unable to verify payload: signature is empty",
    },
  }),
  tagNotVerified: message({
    id: 'git-tag-not-verified',
    level: 'error',
    reason: 'InvalidTagSignature',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: {
      error:
        "signature verification of tag 'v1.2.0@9c1f6b0a1f0e4b0f6a54bb9d3c3c7f9a77f2e9f1' failed: unable to verify Git tag: unable to verify payload with any of the given key rings: no matching key",
    },
  }),
  tagNotSigned: message({
    id: 'git-tag-not-signed',
    level: 'error',
    reason: 'InvalidGitObject',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: { error: "cannot verify signature of tag 'v1.2.0' since it is not signed" },
  }),
  noTag: message({
    id: 'git-no-tag-to-verify',
    level: 'error',
    reason: 'InvalidVerificationMode',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: { error: "cannot verify tag object's signature if a tag reference is not specified" },
  }),
  verificationFailed: message({
    id: 'git-verification-failed',
    level: 'error',
    reason: 'VerificationError',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: { error: 'public keys secret error: secrets "git-keys" not found' },
  }),
  includeNotFound: message({
    id: 'git-include-not-found',
    level: 'error',
    reason: 'NotFound',
    channels: ['condition', 'event', 'log'],
    text: (p: { name: string }) =>
      `could not get resource for include '${p.name}': gitrepositories.source.toolkit.fluxcd.io "${p.name}" not found`,
    example: { name: 'base' },
  }),
  includeWithoutArtifact: message({
    id: 'git-include-without-artifact',
    level: 'error',
    reason: 'NoArtifact',
    channels: ['condition', 'event', 'log'],
    text: (p: { name: string }) => `no artifact available for include '${p.name}'`,
    example: { name: 'base' },
  }),
  includeFailed: message({
    id: 'git-include-failed',
    level: 'error',
    reason: 'CopyFailure',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: { error: "failed to copy 'flux-system/base' include from lib to base: there is no folder 'lib' in it" },
  }),
  includeCycle: message({
    id: 'git-include-cycle',
    level: 'error',
    reason: 'InvalidSpec',
    channels: ['condition', 'event', 'log'],
    text: (p: { chain: readonly string[] }) => `spec.include leads back to its own repository: ${p.chain.join(' -> ')}`,
    example: { chain: ['shop', 'base', 'shop'] },
  }),
  includeTooMany: message({
    id: 'git-include-too-many',
    level: 'error',
    reason: 'InvalidSpec',
    channels: ['condition', 'event', 'log'],
    text: (p: { count: number; most: number }) =>
      `spec.include has ${p.count} entries, more than ${p.most}: include a repository that includes some of them`,
    example: { count: 120, most: 100 },
  }),
  storageFailed: message({
    id: 'git-storage-failed',
    level: 'error',
    reason: 'ArchiveOperationFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => `unable to archive artifact to storage: ${p.error}`,
    example: {
      error:
        'writing the artifact failed: ENOSPC: no space left on device: free space or inodes on the disk of the data directory',
    },
  }),
} as const;

/** A Git object and the key that signed it. */
interface SignedBy {
  name: string;
  key: string;
}

const SUBJECT_LENGTH = 50;

/** Flux shows the first line of a commit message, cut after 50 characters. */
function shortSubject(subject: string): string {
  const line = (subject.split('\n', 1)[0] ?? '').trim();
  const points = [...line];
  return points.length <= SUBJECT_LENGTH ? line : `${points.slice(0, SUBJECT_LENGTH).join('')}...`;
}
