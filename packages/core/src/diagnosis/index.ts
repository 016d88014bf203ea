export { codesIn } from './codes.ts';
export { Concealer, SECRET_LENGTH_MIN, SECRETS_MAX, type Secret } from './conceal.ts';
export {
  DIAGNOSIS_LIMITS,
  type DiagnosisAbout,
  type DiagnosisPart,
  readmeOf,
  withinLimit,
} from './part.ts';
export {
  type ConfiguredProgram,
  leftOut,
  SECRET_KINDS,
  SETTINGS,
  type Secrecy,
  type SecretKind,
  type Setting,
  secretsInSetting,
  shownAddress,
  shownSetting,
  shownText,
  shownUnit,
  shownValue,
} from './secrets.ts';
