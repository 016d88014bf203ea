export {
  type ConfigFlags,
  type CoordinatorConfig,
  type CoordinatorPaths,
  COORDINATOR_KEYS,
  readCoordinatorConfig,
} from './config.ts';
export { type Coordinator, type CoordinatorOptions, createCoordinator } from './coordinator.ts';
export { initCoordinator, type InitOptions, type InitResult } from './init.ts';
export { serveCoordinator, type ServeOptions } from './serve.ts';
