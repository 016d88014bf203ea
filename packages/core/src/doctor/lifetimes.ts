/* What ends at a known time: certificates, and the signatures of metadata. People are warned when a quarter is left. */
import { isRenewalDue, LIFETIME_MS, type SignedRole } from '../trust/index.ts';
import { type DoctorCheck, failing, passing, warning } from './check.ts';
import { dayText, spanText } from './figures.ts';

export interface CertificateFacts {
  readonly path: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Its coordinator makes the next one by itself when a quarter is left. */
  readonly isRenewedByItself: boolean;
}

/** What is renewed by itself is looked at once an hour: for a day after it was due nothing is wrong yet. */
const RENEWAL_MS = 86_400_000;

export function certificateCheck(
  name: string,
  certificate: CertificateFacts,
  nowMs: number,
): DoctorCheck {
  const { path, fromMs, toMs, isRenewedByItself } = certificate;
  const leftMs = toMs - nowMs;
  if (leftMs <= 0) return failing(name, 'certificate-expired', `${path} ended on ${dayText(toMs)}`);
  if (fromMs > nowMs) {
    return failing(name, 'certificate-expired', `${path} is good from ${dayText(fromMs)} on only`);
  }
  const detail = `good until ${dayText(toMs)}`;
  const quarterMs = (toMs - fromMs) / 4 - (isRenewedByItself ? RENEWAL_MS : 0);
  if (leftMs > quarterMs) return passing(name, detail);
  return warning(
    name,
    'certificate-expiring',
    `${path} is ${detail}: ${spanText(leftMs)} are left`,
  );
}

export interface SignedFacts {
  readonly role: string;
  readonly signedBy: SignedRole;
  readonly expiresMs: number;
}

/** The first to end says most. */
export function expiryCheck(
  name: string,
  roles: readonly SignedFacts[],
  nowMs: number,
): DoctorCheck {
  const byEnd = [...roles].sort((a, b) => a.expiresMs - b.expiresMs);
  const over = byEnd.filter(({ expiresMs }) => expiresMs <= nowMs);
  if (over.length > 0) return failing(name, 'trust-expired', ends(over));
  const due = byEnd.filter((role) => isDue(role, nowMs));
  if (due.length > 0) return warning(name, 'metadata-expiring', ends(due));
  const [first] = byEnd;
  const detail =
    first === undefined ? 'none' : `${first.role} is the first to end: ${dayText(first.expiresMs)}`;
  return passing(name, detail);
}

function isDue({ signedBy, expiresMs }: SignedFacts, nowMs: number): boolean {
  const isOnline = signedBy === 'snapshot' || signedBy === 'timestamp';
  // Online keys sign again within the hour; of a timestamp that is a share that counts.
  const waitMs = isOnline ? LIFETIME_MS[signedBy] / 50 : 0;
  return isRenewalDue({ role: signedBy, expiresMs: expiresMs + waitMs, nowMs });
}

function ends(roles: readonly SignedFacts[]): string {
  return roles.map(({ role, expiresMs }) => `${role} ends ${dayText(expiresMs)}`).join(', ');
}
