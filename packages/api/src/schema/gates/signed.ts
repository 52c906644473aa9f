import * as Type from 'typebox';
import { choice, object, text, withRules } from '../build.ts';

const signersReference = object(
  'ConfigMap or Secret that holds who may sign. Each entry that ends with .asc holds OpenPGP public keys in armour of one person, who is named as the entry is without that; every other one is an allowed_signers file of OpenSSH, in which each line names one person. The key of a forge, which signs for everybody, does not belong here.',
  {
    kind: Type.Optional(choice('Its kind.', ['ConfigMap', 'Secret'], { default: 'ConfigMap' })),
    name: text('Its name.', { minLength: 1, maxLength: 253 }),
    namespace: Type.Optional(
      text('Its namespace. Of a ReleasePolicy always its own; of what stands above namespaces it is required.'),
    ),
  },
);

/** How signatures in Git count as approvals. */
export const signedRule = withRules(
  object(
    'Signatures in Git count beside Approvals, each for all of the change: of an annotated tag of exactly the commit that is to be applied, and of that commit itself, where a trailer in its message names who signed it.',
    {
      signersRef: signersReference,
      tags: Type.Optional(
        text('Tags that count, by their names, as approved/*. * stands for any text.', {
          minLength: 1,
          maxLength: 253,
        }),
      ),
      trailer: Type.Optional(
        text(
          'Trailer that counts, as Approved-by: in the message of the commit, with the name or e-mail address of whoever signed it.',
          { pattern: '^[A-Za-z][A-Za-z0-9-]*$', maxLength: 63 },
        ),
      ),
    },
  ),
  [
    {
      rule: 'has(self.tags) || has(self.trailer)',
      message: 'needs tags or trailer',
      holds: ({ tags, trailer }: { tags?: string; trailer?: string }) => tags !== undefined || trailer !== undefined,
    },
  ],
);

export type SignedRule = Type.Static<typeof signedRule>;
export type SignersReference = Type.Static<typeof signersReference>;
