import type { ErrorCode } from '../errors/index.ts';
import { type DoctorCheck, failing, passing } from './check.ts';
import { sizeText } from './figures.ts';
import type { DatabaseFacts } from './host-facts.ts';

/** Null: there is none yet. `damaged`: whose damage it is, with its remedy. */
export function databaseCheck(
  database: DatabaseFacts | null,
  damaged: Extract<ErrorCode, 'state-damaged' | 'database-corrupt'>,
): DoctorCheck {
  const name = 'database';
  if (database === null) return passing(name, 'there is none yet: it is made at the first start');
  const { path, bytes, schema, readableSince, knownSchema, damage, isReadInFull } = database;
  if (damage !== null) return failing(name, damaged, `${path}: ${damage}`);
  if (readableSince > knownSchema) {
    const code = damaged === 'state-damaged' ? 'state-too-new' : 'database-too-new';
    const wants = `${path} is readable for schema ${readableSince} and later`;
    return failing(name, code, `${wants}, this program knows ${knownSchema}`);
  }
  const whole = isReadInFull ? 'whole' : 'opens; read in full with --deep only';
  return passing(name, `schema ${schema}, ${sizeText(bytes)}, ${whole}`);
}
