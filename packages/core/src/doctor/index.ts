export { type DoctorCheck, type Found, notLookedAt } from './check.ts';
export { coordinatorChecks } from './coordinator-checks.ts';
export type {
  AnswerFacts,
  BlobFacts,
  ChoiceFacts,
  CoordinatorFacts,
  DiskFacts,
  FleetFacts,
  HandleFacts,
  RoleFacts,
  SomeAgents,
} from './coordinator-facts.ts';
export { DOWN_LONG_MS } from './fleet-checks.ts';
export { hostChecks } from './host-checks.ts';
export type {
  AgentStateFacts,
  BootFacts,
  DatabaseFacts,
  FirstLauncherFacts,
  HostFacts,
  ProcessFacts,
  SlotFacts,
} from './host-facts.ts';
export type { CertificateFacts, SignedFacts } from './lifetimes.ts';
export { unitCheck } from './unit-check.ts';
