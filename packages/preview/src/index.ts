export { buildUnit, type BuildRequest, type Built } from './build.ts';
export { diffUnit, type DiffRequest } from './diff.ts';
export type { ObjectDiff } from './trial.ts';
export { printBuilt } from './print.ts';
export {
  HELM_RELEASES,
  KUSTOMIZATIONS,
  liveUnit,
  unitAmong,
  withLiveStatus,
  type UnitKind,
  type UnitName,
} from './read-unit.ts';
export { rehearse, type Rehearsal, type RehearseRequest } from './rehearse.ts';
export { readUnitSource, refuseIncluded, type UnitSource } from './source.ts';
