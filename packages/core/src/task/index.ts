export { type Bound, boundArguments } from './bind.ts';
export {
  ENDING_MS,
  ORDER_BYTES_MAX,
  PARAMETERS_MAX,
  TASK_DEFAULTS,
  TASK_NOT_AFTER_MS,
  TASKS_MAX,
  type TaskDefinition,
  type TaskParameter,
  type TaskSchedule,
  VALUE_BYTES_MAX,
} from './definition.ts';
export { byteCountOf, durationMsOf } from './quantities.ts';
export { type ReadDefinitions, readDefinitions } from './read-definitions.ts';
export {
  type AskedFor,
  afterCrash,
  outcomeOf,
  type ProgramEnd,
  RUNS_AT_HOST_MAX,
  STARTS_MAX,
  startable,
  type TaskFailure,
  type TaskOutcome,
  type WaitingRun,
} from './starting.ts';
