export {
  type AgentFacts,
  type AgentIdentity,
  type AgentInstallFacts,
  type AgentInstallWish,
  agentInstallPlan,
  agentInstallRefusal,
  agentPlaces,
  agentUnitName,
  enrollUnitName,
  markedDirs,
  markPath,
  markText,
  readMark,
  versionsBefore,
} from './agent.ts';
export {
  type AgentUninstallFacts,
  type AgentUninstallWish,
  agentUninstallPlan,
  agentUninstallRefusal,
  configFiles,
  coordinatorConfigPath,
  enrollmentTokenPath,
  type ImageFacts,
  type ImageWish,
  imagePlan,
  imageRefusal,
} from './agent-removal.ts';
export {
  type CoordinatorFacts,
  type CoordinatorInstallWish,
  type CoordinatorPlaces,
  coordinatorInstallPlan,
  coordinatorInstallRefusal,
  coordinatorUninstallPlan,
  coordinatorUninstallRefusal,
  coordinatorUnitName,
} from './coordinator.ts';
export type {
  DirectoryMark,
  Neighbour,
  PathFacts,
  PathTable,
  UnitFacts,
  UpgradeFacts,
  User,
  Users,
} from './facts.ts';
export { rootNeeded } from './refusals.ts';
export {
  describeStep,
  type InstallPlan,
  type InstallStep,
  octal,
  type PlannedStep,
} from './step.ts';
