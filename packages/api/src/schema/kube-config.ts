import * as Type from 'typebox';
import { object, text, withRules } from './build.ts';
import { localReference } from './common.ts';

const secretKeyReference = object('Secret with a kubeconfig file. Its key is value by default.', {
  key: Type.Optional(text('Key of the Secret the file is under.')),
  name: text('Name of the Secret.'),
});

const fields = object('The remote cluster to reconcile instead of this one.', {
  configMapRef: Type.Optional(
    localReference(
      'ConfigMap that says how to reach the cluster: provider, cluster, address, ca.crt, audiences, serviceAccountName.',
    ),
  ),
  secretRef: Type.Optional(secretKeyReference),
});

const EXACTLY_ONE = 'exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified';

export const kubeConfig = withRules(fields, [
  {
    rule: 'has(self.configMapRef) || has(self.secretRef)',
    message: EXACTLY_ONE,
    holds: (self) => self.configMapRef !== undefined || self.secretRef !== undefined,
  },
  {
    rule: '!has(self.configMapRef) || !has(self.secretRef)',
    message: EXACTLY_ONE,
    holds: (self) => self.configMapRef === undefined || self.secretRef === undefined,
  },
]);

export type KubeConfigReference = Type.Static<typeof kubeConfig>;
