/* Every operation by its name. Listed twice on purpose: the compiler holds the type and the table together. */

import { isAtRest } from './at-rest.ts';
import {
  attemptPage,
  confirmAttempt,
  decidePermission,
  recordAccepted,
  recordProgress,
} from './attempts.ts';
import { desiredOf, desiredOfAll, firstVersions } from './choices.ts';
import {
  commandById,
  commandPage,
  commandsByIds,
  orderUpgrade,
  plannedUpgrade,
} from './commands.ts';
import { orderControl, removeInstance } from './controls.ts';
import { followCoordinator, isFollowingDue } from './coordinators-version.ts';
import { dispatch, lapse, openInstanceIds } from './dispatch.ts';
import { enroll } from './enrollment.ts';
import { fleetFacts } from './fleet-facts.ts';
import { allForwards, forwardPage, newestOutput, recordForward } from './forwards.ts';
import { allGroups, removeGroup, setGroup } from './groups.ts';
import { historyPage } from './history.ts';
import { releaseQuarantine, renameAgent } from './identities.ts';
import {
  agentByName,
  agentPage,
  instanceById,
  instanceIdPage,
  touchSeen,
  validateAgent,
} from './instances.ts';
import { labelAgent } from './labels.ts';
import { adopt, beginLife, beginRun, newestLife, storeLife, unadoptedLife } from './lives.ts';
import { adoptAttempt, missingRelease, restoreSummary } from './lost-orders.ts';
import { maintenance, setMaintenance } from './maintenance.ts';
import { moveAgent } from './moving.ts';
import { impossibleChoices, neededReleases } from './needed-releases.ts';
import { choicePage, offers } from './offers.ts';
import { storeOutput } from './output.ts';
import { instanceIdsNamed, outputPage } from './output-page.ts';
import {
  addPrincipal,
  administrators,
  allPrincipals,
  revokePrincipal,
  setPrincipalRole,
} from './principals.ts';
import {
  allReleases,
  platformOf,
  recordImport,
  recordPublish,
  recordRoot,
  releaseOf,
} from './releases.ts';
import { REPORT_READS, type ReportReads } from './report-reads.ts';
import { isReportStored, recordReport } from './reports.ts';
import { dropOutput, dropRuns, outputHolders } from './retention.ts';
import { rolloutCandidates } from './rollout/candidates.ts';
import { joinRollout, openToJoiners, strangersTo } from './rollout/late-joiners.ts';
import { createRollout, draftRollout, rolloutByKey, rolloutPlan } from './rollout/making.ts';
import { chooseAlone, chooseForMany } from './rollout/of-choices.ts';
import { editRollout, finishPlan, orderPlan } from './rollout/planning.ts';
import { revertRollout, upgradedBy } from './rollout/reverting.ts';
import { simulationFacts } from './rollout/simulating.ts';
import { splitRollout } from './rollout/splitting.ts';
import {
  setRolloutStart,
  startDueRollout,
  startRollout,
  unsettledRollouts,
} from './rollout/starting.ts';
import { approveRollout, pauseRollout, resumeRollout, retryRollout } from './rollout/steering.ts';
import { stepRollout } from './rollout/step.ts';
import { cancelRollout, skipRolloutAgent } from './rollout/taking-back.ts';
import {
  judgedRolloutIds,
  openRolloutInstances,
  rolloutMembers,
  rolloutPage,
  rolloutView,
} from './rollout/views.ts';
import { doneMembers, judgeDone } from './rollout/way-back.ts';
import { runPage } from './runs.ts';
import { selectionPage } from './selection.ts';
import { openSession } from './sessions.ts';
import { changeSetting, policyForAgents, settings } from './settings.ts';
import { revokeCommand, skipCommand, takenBackTasks } from './taking-back.ts';
import { orderTask, taskOffers } from './tasks.ts';
import { allTokens, createToken, revokeToken, tokenById } from './tokens.ts';
import { issueWanted } from './wanted.ts';
import {
  failedMembersAmong,
  lastUpgradeTo,
  openCommandsOfAll,
  repairVerdictOf,
  rolloutPlaceOf,
  turnHolder,
} from './why-facts.ts';

export interface Reads extends ReportReads {
  readonly allGroups: typeof allGroups;
  readonly openToJoiners: typeof openToJoiners;
  readonly strangersTo: typeof strangersTo;
  readonly openRolloutInstances: typeof openRolloutInstances;
  readonly rolloutCandidates: typeof rolloutCandidates;
  readonly rolloutMembers: typeof rolloutMembers;
  readonly rolloutPage: typeof rolloutPage;
  readonly rolloutView: typeof rolloutView;
  readonly judgedRolloutIds: typeof judgedRolloutIds;
  readonly unsettledRollouts: typeof unsettledRollouts;
  readonly rolloutByKey: typeof rolloutByKey;
  readonly rolloutPlan: typeof rolloutPlan;
  readonly upgradedBy: typeof upgradedBy;
  readonly simulationFacts: typeof simulationFacts;
  readonly doneMembers: typeof doneMembers;
  readonly agentByName: typeof agentByName;
  readonly agentPage: typeof agentPage;
  readonly allForwards: typeof allForwards;
  readonly administrators: typeof administrators;
  readonly allPrincipals: typeof allPrincipals;
  readonly allReleases: typeof allReleases;
  readonly allTokens: typeof allTokens;
  readonly attemptPage: typeof attemptPage;
  readonly choicePage: typeof choicePage;
  readonly commandById: typeof commandById;
  readonly commandPage: typeof commandPage;
  readonly commandsByIds: typeof commandsByIds;
  readonly desiredOf: typeof desiredOf;
  readonly desiredOfAll: typeof desiredOfAll;
  readonly firstVersions: typeof firstVersions;
  readonly fleetFacts: typeof fleetFacts;
  readonly forwardPage: typeof forwardPage;
  readonly historyPage: typeof historyPage;
  readonly impossibleChoices: typeof impossibleChoices;
  readonly instanceById: typeof instanceById;
  readonly instanceIdPage: typeof instanceIdPage;
  readonly instanceIdsNamed: typeof instanceIdsNamed;
  readonly isAtRest: typeof isAtRest;
  readonly isReportStored: typeof isReportStored;
  readonly lastUpgradeTo: typeof lastUpgradeTo;
  readonly openCommandsOfAll: typeof openCommandsOfAll;
  readonly policyForAgents: typeof policyForAgents;
  readonly settings: typeof settings;
  readonly isFollowingDue: typeof isFollowingDue;
  readonly maintenance: typeof maintenance;
  readonly missingRelease: typeof missingRelease;
  readonly neededReleases: typeof neededReleases;
  readonly newestLife: typeof newestLife;
  readonly newestOutput: typeof newestOutput;
  readonly offers: typeof offers;
  readonly openInstanceIds: typeof openInstanceIds;
  readonly outputHolders: typeof outputHolders;
  readonly outputPage: typeof outputPage;
  readonly plannedUpgrade: typeof plannedUpgrade;
  readonly platformOf: typeof platformOf;
  readonly releaseOf: typeof releaseOf;
  readonly repairVerdictOf: typeof repairVerdictOf;
  readonly rolloutPlaceOf: typeof rolloutPlaceOf;
  readonly failedMembersAmong: typeof failedMembersAmong;
  readonly runPage: typeof runPage;
  readonly selectionPage: typeof selectionPage;
  readonly restoreSummary: typeof restoreSummary;
  readonly storeLife: typeof storeLife;
  readonly takenBackTasks: typeof takenBackTasks;
  readonly taskOffers: typeof taskOffers;
  readonly tokenById: typeof tokenById;
  readonly turnHolder: typeof turnHolder;
  readonly unadoptedLife: typeof unadoptedLife;
}

export interface Writes {
  readonly approveRollout: typeof approveRollout;
  readonly cancelRollout: typeof cancelRollout;
  readonly joinRollout: typeof joinRollout;
  readonly createRollout: typeof createRollout;
  readonly draftRollout: typeof draftRollout;
  readonly revertRollout: typeof revertRollout;
  readonly splitRollout: typeof splitRollout;
  readonly editRollout: typeof editRollout;
  readonly orderPlan: typeof orderPlan;
  readonly finishPlan: typeof finishPlan;
  readonly setRolloutStart: typeof setRolloutStart;
  readonly startDueRollout: typeof startDueRollout;
  readonly pauseRollout: typeof pauseRollout;
  readonly resumeRollout: typeof resumeRollout;
  readonly retryRollout: typeof retryRollout;
  readonly changeSetting: typeof changeSetting;
  readonly setGroup: typeof setGroup;
  readonly removeGroup: typeof removeGroup;
  readonly setMaintenance: typeof setMaintenance;
  readonly skipRolloutAgent: typeof skipRolloutAgent;
  readonly startRollout: typeof startRollout;
  readonly stepRollout: typeof stepRollout;
  readonly judgeDone: typeof judgeDone;
  readonly addPrincipal: typeof addPrincipal;
  readonly revokePrincipal: typeof revokePrincipal;
  readonly setPrincipalRole: typeof setPrincipalRole;
  readonly adopt: typeof adopt;
  readonly adoptAttempt: typeof adoptAttempt;
  readonly beginLife: typeof beginLife;
  readonly beginRun: typeof beginRun;
  readonly choose: typeof chooseAlone;
  readonly chooseForMany: typeof chooseForMany;
  readonly followCoordinator: typeof followCoordinator;
  readonly confirmAttempt: typeof confirmAttempt;
  readonly createToken: typeof createToken;
  readonly decidePermission: typeof decidePermission;
  readonly dispatch: typeof dispatch;
  readonly dropOutput: typeof dropOutput;
  readonly dropRuns: typeof dropRuns;
  readonly enroll: typeof enroll;
  readonly issueWanted: typeof issueWanted;
  readonly labelAgent: typeof labelAgent;
  readonly lapse: typeof lapse;
  readonly moveAgent: typeof moveAgent;
  readonly openSession: typeof openSession;
  readonly orderControl: typeof orderControl;
  readonly orderTask: typeof orderTask;
  readonly orderUpgrade: typeof orderUpgrade;
  readonly recordAccepted: typeof recordAccepted;
  readonly recordForward: typeof recordForward;
  readonly recordImport: typeof recordImport;
  readonly recordProgress: typeof recordProgress;
  readonly recordPublish: typeof recordPublish;
  readonly recordReport: typeof recordReport;
  readonly recordRoot: typeof recordRoot;
  readonly removeInstance: typeof removeInstance;
  readonly revokeCommand: typeof revokeCommand;
  readonly releaseQuarantine: typeof releaseQuarantine;
  readonly renameAgent: typeof renameAgent;
  readonly revokeToken: typeof revokeToken;
  readonly skipCommand: typeof skipCommand;
  readonly storeOutput: typeof storeOutput;
  readonly touchSeen: typeof touchSeen;
  readonly validateAgent: typeof validateAgent;
}

export const READS: Reads = {
  ...REPORT_READS,
  openToJoiners,
  strangersTo,
  openRolloutInstances,
  allGroups,
  rolloutCandidates,
  rolloutMembers,
  rolloutPage,
  rolloutView,
  rolloutByKey,
  simulationFacts,
  upgradedBy,
  rolloutPlan,
  unsettledRollouts,
  judgedRolloutIds,
  doneMembers,
  agentByName,
  agentPage,
  allForwards,
  administrators,
  allPrincipals,
  allReleases,
  allTokens,
  attemptPage,
  choicePage,
  commandById,
  commandPage,
  commandsByIds,
  desiredOf,
  desiredOfAll,
  failedMembersAmong,
  firstVersions,
  fleetFacts,
  forwardPage,
  historyPage,
  impossibleChoices,
  instanceById,
  instanceIdPage,
  instanceIdsNamed,
  isAtRest,
  isReportStored,
  lastUpgradeTo,
  openCommandsOfAll,
  policyForAgents,
  settings,
  isFollowingDue,
  maintenance,
  missingRelease,
  neededReleases,
  newestLife,
  newestOutput,
  offers,
  openInstanceIds,
  outputHolders,
  outputPage,
  plannedUpgrade,
  platformOf,
  releaseOf,
  repairVerdictOf,
  rolloutPlaceOf,
  runPage,
  selectionPage,
  restoreSummary,
  storeLife,
  takenBackTasks,
  taskOffers,
  tokenById,
  turnHolder,
  unadoptedLife,
};

export const WRITES: Writes = {
  approveRollout,
  cancelRollout,
  joinRollout,
  revertRollout,
  splitRollout,
  draftRollout,
  editRollout,
  orderPlan,
  finishPlan,
  setRolloutStart,
  startDueRollout,
  createRollout,
  pauseRollout,
  resumeRollout,
  retryRollout,
  changeSetting,
  setGroup,
  removeGroup,
  setMaintenance,
  skipRolloutAgent,
  startRollout,
  stepRollout,
  judgeDone,
  addPrincipal,
  revokePrincipal,
  setPrincipalRole,
  adopt,
  adoptAttempt,
  beginLife,
  beginRun,
  choose: chooseAlone,
  chooseForMany,
  followCoordinator,
  confirmAttempt,
  createToken,
  decidePermission,
  dispatch,
  dropOutput,
  dropRuns,
  enroll,
  issueWanted,
  labelAgent,
  lapse,
  moveAgent,
  openSession,
  orderControl,
  orderTask,
  orderUpgrade,
  recordAccepted,
  recordForward,
  recordImport,
  recordProgress,
  recordPublish,
  recordReport,
  recordRoot,
  removeInstance,
  revokeCommand,
  releaseQuarantine,
  renameAgent,
  revokeToken,
  skipCommand,
  storeOutput,
  touchSeen,
  validateAgent,
};
