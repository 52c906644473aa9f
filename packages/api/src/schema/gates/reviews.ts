import * as Type from 'typebox';
import { choice, list, object, text } from '../build.ts';

/** Forges whose reviews may count. */
export const FORGES = ['GitHub', 'GitLab', 'Gitea', 'Bitbucket'] as const;

const name = text('Its name.', { minLength: 1, maxLength: 253 });

/** A Secret beside the policy. */
function secretReference(description: string) {
  return object(description, {
    name,
    namespace: Type.Optional(
      text('Its namespace. Of a ReleasePolicy always its own; of what stands above namespaces it is required.'),
    ),
  });
}

/** How reviews at a forge count as approvals. */
export const reviewRule = object(
  'Reviews of the pull requests that the commits came with count beside Approvals: each commit that is new since the revision that was applied last must have come with one, and of each so many people must have approved exactly its last commit. What was merged must be what they saw: its branch had all that was in the other one by then.',
  {
    provider: choice('The forge.', FORGES),
    url: Type.Optional(
      text(
        'Address of its API. That of the public service by default; of Gitea it is required, as https://gitea.example/api/v1.',
        {
          pattern: '^https?://\\S+$',
          maxLength: 2048,
        },
      ),
    ),
    repository: Type.Optional(
      text('The repository there, as shop/apps. By default that of the GitRepository.', {
        pattern: '^[^\\s?#%/]+(/[^\\s?#%/]+)+$',
        maxLength: 512,
      }),
    ),
    secretRef: secretReference(
      'Secret that holds under token what the API is asked with, and under ca.crt, where it is needed, the certificates to trust.',
    ),
    reviewers: Type.Optional(
      list(
        'Who may approve, by their login there; of Bitbucket, where names are not unique, by their account id. By default whoever may write to the repository. Required for Bitbucket, which does not tell that, and where users or groups are named, of which the forge knows nothing.',
        text('A login.', { minLength: 1, maxLength: 255 }),
      ),
    ),
  },
);

export type ReviewRule = Type.Static<typeof reviewRule>;
