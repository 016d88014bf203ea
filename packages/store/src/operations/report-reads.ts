/* What is read for reports of rollouts, by its name: the part of all operations that only reports need. */
import {
  rolloutActs,
  rolloutCommands,
  rolloutTotals,
  unfinishedMembers,
} from './rollout/report.ts';
import { rolloutMembersLately } from './rollout/views.ts';

export interface ReportReads {
  readonly rolloutActs: typeof rolloutActs;
  readonly rolloutCommands: typeof rolloutCommands;
  readonly rolloutMembersLately: typeof rolloutMembersLately;
  readonly rolloutTotals: typeof rolloutTotals;
  readonly unfinishedMembers: typeof unfinishedMembers;
}

export const REPORT_READS: ReportReads = {
  rolloutActs,
  rolloutCommands,
  rolloutMembersLately,
  rolloutTotals,
  unfinishedMembers,
};
