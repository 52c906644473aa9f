import { conditionsOf, textAt } from '../fields.ts';
import { current, failed, inProgress } from './verdict.ts';
import type { HealthRule } from './verdict.ts';

export const volumeClaimHealth: HealthRule = (object) => {
  const phase = textAt(object, ['status', 'phase'], 'unknown');
  return phase === 'Bound' ? current('PVC is Bound') : inProgress(`PVC is not Bound. phase: ${phase}`);
};

export const serviceHealth: HealthRule = (object) => {
  const balanced = textAt(object, ['spec', 'type'], 'ClusterIP') === 'LoadBalancer';
  if (balanced && textAt(object, ['spec', 'clusterIP'], '') === '') {
    return inProgress('ClusterIP not set. Service type: LoadBalancer');
  }
  return current('Service is ready');
};

/** The generic rules have seen observedGeneration, which the disruption controller writes when it has done its sum. */
export const disruptionBudgetHealth: HealthRule = () => current('AllowedDisruptions has been computed.');

export const definitionHealth: HealthRule = (object) => {
  for (const { type, status, reason, message } of conditionsOf(object)) {
    if (type === 'NamesAccepted' && status === 'False') return failed(message);
    if (type !== 'Established') continue;
    if (status === 'False' && reason !== 'Installing') return failed(message);
    if (status === 'True') return current('CRD is established');
  }
  return inProgress('Install in progress');
};

export const alwaysReady: HealthRule = () => current('Resource is always ready');
