/*
 * The CA that enrollment tokens pin, and the server's certificate: X.509 v3 (RFC 5280), ECDSA P-256 with SHA-256, keys
 * and signatures by Node's own crypto. Two fixed shapes, so that the few fields are written out here.
 */
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import { bits, boolean, integer, octets, oid, sequence, set, tagged, time, utf8 } from './der.ts';

const DAY_MS = 86_400_000;
const CA_MS = 3_650 * DAY_MS;
/** What browsers and systems accept at most. */
const SERVER_MS = 398 * DAY_MS;
/** Clocks of hosts differ. */
const BACKDATE_MS = 3_600_000;
const SERIAL_BYTES = 16;

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  subjectAltName: '2.5.29.17',
  subjectKeyId: '2.5.29.14',
  authorityKeyId: '2.5.29.35',
} as const;

/** Bits of KeyUsage, most significant first (RFC 5280 4.2.1.3). */
const DIGITAL_SIGNATURE = bits(Buffer.of(0x80), 7);
const CERT_AND_CRL_SIGN = bits(Buffer.of(0x06), 1);

export interface CertificateAndKey {
  readonly certPem: string;
  readonly keyPem: string;
}

export function makeCa(nowMs: number): CertificateAndKey {
  const { publicKey, privateKey } = newKeys();
  // Two coordinators' CAs must not have one name: clients look issuers up by it.
  const name = commonName(`Moult coordinator CA ${randomBytes(4).toString('hex')}`);
  const certPem = certify({
    subject: name,
    issuer: name,
    publicKey,
    signingKey: privateKey,
    nowMs,
    lifetimeMs: CA_MS,
    extensions: [
      extension(OID.basicConstraints, sequence(boolean(true), integer(Buffer.of(0))), true),
      extension(OID.keyUsage, CERT_AND_CRL_SIGN, true),
      extension(OID.subjectKeyId, octets(keyIdOf(publicKey))),
    ],
  });
  return { certPem, keyPem: pemOf(privateKey) };
}

/** A certificate for the names by which agents and people reach this coordinator. */
export function makeServerCertificate(options: {
  readonly ca: CertificateAndKey;
  readonly names: readonly string[];
  readonly nowMs: number;
}): CertificateAndKey {
  const { ca, nowMs } = options;
  const { publicKey, privateKey } = newKeys();
  const issuer = new X509Certificate(ca.certPem);
  const certPem = certify({
    subject: commonName('Moult coordinator'),
    issuer: commonName(issuer.subject.replace(/^CN=/, '')),
    publicKey,
    signingKey: createPrivateKey(ca.keyPem),
    nowMs,
    lifetimeMs: SERVER_MS,
    extensions: [
      extension(OID.basicConstraints, sequence(), true),
      extension(OID.keyUsage, DIGITAL_SIGNATURE, true),
      extension(OID.extendedKeyUsage, sequence(oid(OID.serverAuth))),
      extension(OID.subjectAltName, sequence(...serverNames(options.names).map(generalName))),
      extension(OID.subjectKeyId, octets(keyIdOf(publicKey))),
      extension(OID.authorityKeyId, sequence(tagged(0x80, keyIdOf(issuer.publicKey)))),
    ],
  });
  return { certPem, keyPem: pemOf(privateKey) };
}

/** A quarter of the lifetime, or less, is left. */
export function isCertificateRenewalDue(certPem: string, nowMs: number): boolean {
  const { validFrom, validTo } = new X509Certificate(certPem);
  const end = Date.parse(validTo);
  return end - nowMs <= (end - Date.parse(validFrom)) / 4;
}

/** The names of an existing certificate, for its successor. */
export function namesOf(certPem: string): readonly string[] {
  const text = new X509Certificate(certPem).subjectAltName ?? '';
  return text.split(', ').map((part) => part.replace(/^(DNS|IP Address):/, ''));
}

function certify(of: {
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly publicKey: KeyObject;
  readonly signingKey: KeyObject;
  readonly nowMs: number;
  readonly lifetimeMs: number;
  readonly extensions: readonly Buffer[];
}): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const serial = randomBytes(SERIAL_BYTES);
  // Positive, and never zero in front: DER wants the shortest form.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = sequence(
    tagged(0xa0, integer(Buffer.of(2))),
    integer(serial),
    algorithm,
    of.issuer,
    sequence(time(of.nowMs - BACKDATE_MS), time(of.nowMs + of.lifetimeMs)),
    of.subject,
    of.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...of.extensions)),
  );
  const signature = sign('sha256', body, { key: of.signingKey, dsaEncoding: 'der' });
  return new X509Certificate(sequence(body, algorithm, bits(signature))).toString();
}

function newKeys(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function commonName(text: string): Buffer {
  return sequence(set(sequence(oid(OID.commonName), utf8(text))));
}

function extension(id: string, value: Buffer, isCritical = false): Buffer {
  return sequence(oid(id), ...(isCritical ? [boolean(true)] : []), octets(value));
}

/** Any value that tells keys apart will do (RFC 5280 4.2.1.2). */
function keyIdOf(publicKey: KeyObject): Buffer {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest().subarray(0, 20);
}

function generalName(name: string): Buffer {
  if (isIP(name) === 0) return tagged(0x82, Buffer.from(name, 'ascii'));
  return tagged(0x87, isIP(name) === 4 ? addressBytes4(name) : addressBytes6(name));
}

function addressBytes4(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** Groups on both sides of `::`, with zeros between. */
function addressBytes6(address: string): Buffer {
  const text = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [a, c].map((high, at) => ((Number(high) << 8) | Number([b, d][at])).toString(16)).join(':'),
  );
  const [left = '', right] = text.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const before = groups(left);
  const after = groups(right ?? '');
  const zeros = right === undefined ? 0 : 8 - before.length - after.length;
  const all = [...before, ...new Array<number>(Math.max(0, zeros)).fill(0), ...after];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** Always reachable on the machine itself; an address that stands for all of them is no name. */
function serverNames(names: readonly string[]): readonly string[] {
  const all = [...names, 'localhost', '127.0.0.1', '::1'];
  return [...new Set(all.filter((name) => name !== '0.0.0.0' && name !== '::' && name !== ''))];
}
