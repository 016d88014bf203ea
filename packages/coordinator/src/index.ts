export { type AddAdministratorOptions, addAdministrator } from './add-administrator.ts';
export { type BackupMade, type BackupOptions, makeBackup } from './backup/make.ts';
export { type Restored, type RestoreOptions, restoreBackup } from './backup/restore.ts';
export {
  COORDINATOR_KEYS,
  type ConfigFlags,
  type CoordinatorConfig,
  type CoordinatorPaths,
  readCoordinatorConfig,
} from './config.ts';
export { type Coordinator, type CoordinatorOptions, createCoordinator } from './coordinator.ts';
export { type CoordinatorDiagnosisOptions, diagnoseCoordinator } from './diagnosis/index.ts';
export { doctorCoordinator, isCoordinatorThere } from './doctor/index.ts';
export type { Carrier, CarrierListener } from './gateway/carrier.ts';
export { type InitOptions, type InitResult, initCoordinator } from './init.ts';
export { addOnlineKeys, type KeysAdded } from './online-keys.ts';
export { type ServeOptions, serveCoordinator } from './serve.ts';
export { type CoordinatorUnitOptions, coordinatorUnitText } from './unit.ts';
