import { AGENT_ERRORS } from './catalogue-agent.ts';
import { CLI_ERRORS } from './catalogue-cli.ts';
import { COORDINATOR_ERRORS } from './catalogue-coordinator.ts';
import { DOCTOR_ERRORS } from './catalogue-doctor.ts';
import { INSTALL_ERRORS } from './catalogue-install.ts';
import { LAUNCHER_ERRORS } from './catalogue-launcher.ts';
import { NETWORK_ERRORS } from './catalogue-network.ts';
import { RELEASE_ERRORS } from './catalogue-release.ts';
import { ROLLOUT_ERRORS } from './catalogue-rollout.ts';
import { RUNTIME_ERRORS } from './catalogue-runtime.ts';
import { TASK_ERRORS } from './catalogue-task.ts';
import type { CatalogueEntry } from './entry.ts';

export type ErrorCode =
  | keyof typeof RUNTIME_ERRORS
  | keyof typeof RELEASE_ERRORS
  | keyof typeof LAUNCHER_ERRORS
  | keyof typeof AGENT_ERRORS
  | keyof typeof COORDINATOR_ERRORS
  | keyof typeof CLI_ERRORS
  | keyof typeof INSTALL_ERRORS
  | keyof typeof TASK_ERRORS
  | keyof typeof NETWORK_ERRORS
  | keyof typeof DOCTOR_ERRORS
  | keyof typeof ROLLOUT_ERRORS;

/** Every error code of the product: its status, whether trying again can help, and what to do. */
export const CATALOGUE: Readonly<Record<ErrorCode, CatalogueEntry>> = {
  ...RUNTIME_ERRORS,
  ...RELEASE_ERRORS,
  ...LAUNCHER_ERRORS,
  ...AGENT_ERRORS,
  ...COORDINATOR_ERRORS,
  ...CLI_ERRORS,
  ...INSTALL_ERRORS,
  ...DOCTOR_ERRORS,
  ...TASK_ERRORS,
  ...NETWORK_ERRORS,
  ...ROLLOUT_ERRORS,
};
