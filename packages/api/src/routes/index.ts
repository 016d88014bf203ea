import * as agents from './agents.ts';
import * as choices from './choices.ts';
import * as commands from './commands.ts';
import * as controls from './controls.ts';
import * as coordinator from './coordinator.ts';
import * as enrollment from './enrollment.ts';
import * as many from './many.ts';
import * as output from './output.ts';
import * as principals from './principals.ts';
import * as releases from './releases.ts';
import * as rolloutReports from './rollout-reports.ts';
import * as rollouts from './rollouts.ts';
import * as settings from './settings.ts';
import * as tasks from './tasks.ts';

export const ROUTES = {
  ...agents,
  ...choices,
  ...commands,
  ...controls,
  ...coordinator,
  ...enrollment,
  ...many,
  ...output,
  ...principals,
  ...releases,
  ...rolloutReports,
  ...rollouts,
  ...settings,
  ...tasks,
};
