import * as Type from 'typebox';
import { choice, duration, flag, list, object, text, withRules } from '../build.ts';
import { causes } from './common.ts';

// What policies ask of container images.

const place = {
  name: text('Its name.', { minLength: 1, maxLength: 253 }),
  namespace: Type.Optional(
    text('Its namespace. Of a ReleasePolicy always its own; of a ClusterReleasePolicy it is required.'),
  ),
};

const oneOf = <Field extends string>(first: Field, second: Field) => ({
  rule: `has(self.${first}) != has(self.${second})`,
  message: `needs either ${first} or ${second}`,
  holds: (value: { [Key in Field]?: unknown }) => (value[first] === undefined) !== (value[second] === undefined),
});

const key = withRules(
  object('A public key.', {
    pem: Type.Optional(text('The key in PEM.', { minLength: 1, maxLength: 8192 })),
    secretRef: Type.Optional(
      object('Secret with keys: each of its entries that ends with .pub is one, in PEM.', place),
    ),
  }),
  [oneOf('pem', 'secretRef')],
);

const identityText = { minLength: 1, maxLength: 1024 };

const identity = withRules(
  object(
    'Who signs with a certificate that an authority made for this one signature. Patterns are of RE2 and must fit the whole text.',
    {
      issuer: Type.Optional(text('Who said who it is, as https://token.actions.githubusercontent.com.', identityText)),
      issuerPattern: Type.Optional(text('The same, as a pattern.', identityText)),
      subject: Type.Optional(text('Who it is: an e-mail address or URI.', identityText)),
      subjectPattern: Type.Optional(text('The same, as a pattern.', identityText)),
    },
  ),
  [oneOf('issuer', 'issuerPattern'), oneOf('subject', 'subjectPattern')],
);

const trustedRoot = object(
  'Which authorities and logs vouch for identities: a TrustedRoot of Sigstore in JSON, under the key trusted_root.json. Nothing is fetched in its place.',
  {
    kind: Type.Optional(choice('Its kind.', ['ConfigMap', 'Secret'], { default: 'ConfigMap' })),
    ...place,
  },
);

const signers = {
  keys: Type.Optional(list('Keys of which any may have signed. Whether a log knows of it is not asked.', key)),
  keyless: Type.Optional(list('Identities of which any may have signed. Needs trustedRootRef.', identity)),
  trustedRootRef: Type.Optional(trustedRoot),
};

const signatures = object('Every image must be signed by one of these, as cosign signs.', signers);

const vulnerabilities = object(
  'Every image must have a signed vulnerability report: the newest counts. A report is a record of a scan by cosign (attestation/vuln/v1) with SARIF or what Trivy or Grype print in JSON, or a statement that is SARIF. What a signed OpenVEX statement calls not_affected or fixed does not count.',
  {
    maxAge: duration('How old the report may be.'),
    maxSeverity: choice(
      'The highest severity that may remain. Severities are the words of the scanner, or of SARIF its security-severity by the ranges of CVSS. One that is not told is above all but Critical.',
      ['None', 'Low', 'Medium', 'High', 'Critical'],
    ),
    signedBy: Type.Optional(object('Who signs reports and OpenVEX statements. By default who signs images.', signers)),
  },
);

const field = object('A field that holds the name of an image.', {
  group: Type.Optional(text('The API group of the kind. By default any.', { minLength: 1, maxLength: 253 })),
  kind: text('The kind that has the field.', { minLength: 1, maxLength: 63 }),
  path: text(
    'Where it is: names of fields with dots between them, as spec.kafka.image. Lists are gone through, and * stands for every name in a map.',
    { pattern: '^(\\*|[A-Za-z0-9_-]+)(\\.(\\*|[A-Za-z0-9_-]+))*$', maxLength: 256 },
  ),
});

export const imageRules = object('Which container images may run.', {
  registries: Type.Optional(
    list(
      'Registries, or repositories below them, that images may come from, as ghcr.io/example. An image without a registry is of docker.io.',
      text('A registry or repository.', { minLength: 1 }),
    ),
  ),
  digests: Type.Optional(flag('Every image must be named by digest.')),
  signatures: Type.Optional(signatures),
  vulnerabilities: Type.Optional(vulnerabilities),
  pullSecretRefs: Type.Optional(
    list('Secrets of type kubernetes.io/dockerconfigjson with logins for registries.', object('A Secret.', place)),
  ),
  fields: Type.Optional(
    list(
      'Fields of kinds of your own that name images, beside those that hold a container or the volumes of a pod, which are found wherever they are.',
      field,
    ),
  ),
  action: Type.Optional(
    choice('What a change that does not pass meets: it is held, or only told of.', ['Deny', 'Warn'], {
      default: 'Deny',
    }),
  ),
  causes: causes('Causes that are governed. By default routine and prune.'),
});

export type ImageRule = Type.Static<typeof imageRules>;
export type ImageSigners = Type.Static<typeof signatures>;
export type ImageIdentity = Type.Static<typeof identity>;
export type VulnerabilityRule = Type.Static<typeof vulnerabilities>;
