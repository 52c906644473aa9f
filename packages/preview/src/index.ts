export { buildUnit, type BuildRequest, type Built } from './build.ts';
export { diffUnit, type DiffRequest, type ObjectDiff } from './diff.ts';
export { printBuilt } from './print.ts';
export { liveUnit, unitAmong, withLiveStatus, type UnitName } from './read-unit.ts';
export { rehearse, type Rehearsal, type RehearseRequest } from './rehearse.ts';
export { readUnitSource, refuseIncluded, type UnitSource } from './source.ts';
