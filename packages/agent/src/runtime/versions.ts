export { compareVersions } from '@plumb/kube';
