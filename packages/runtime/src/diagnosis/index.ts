export { diskFacts } from './disk.ts';
export { listFiles } from './files.ts';
export { attempted, gatherParts, type PartSource } from './gather.ts';
export { hostFacts } from './host.ts';
export {
  isSecretValue,
  secretsOfEnvironment,
  secretsOfFile,
  secretsOfKey,
  secretsOfSettings,
} from './known-secrets.ts';
export { logTail } from './log.ts';
export { processFacts } from './process.ts';
export { journalText, unitsThat, unitText } from './unit.ts';
