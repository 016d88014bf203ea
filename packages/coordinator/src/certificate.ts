/*
 * The CA that enrollment tokens pin, and the server's certificate: ECDSA P-256 through Node's WebCrypto. The library
 * is loaded only where certificates are made.
 */
import { createHash, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

const DAY_MS = 86_400_000;
const CA_MS = 3_650 * DAY_MS;
/** What browsers and systems accept at most. */
const SERVER_MS = 398 * DAY_MS;
/** Clocks of hosts differ. */
const BACKDATE_MS = 3_600_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const SERIAL_BYTES = 16;

export interface CertificateAndKey {
  readonly certPem: string;
  readonly keyPem: string;
}

export async function makeCa(nowMs: number): Promise<CertificateAndKey> {
  const x509 = await loadLibrary();
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const id = createHash('sha256').update(randomBytes(SERIAL_BYTES)).digest('hex').slice(0, 8);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serial(),
      name: `CN=Moult coordinator CA ${id}`,
      notBefore: new Date(nowMs - BACKDATE_MS),
      notAfter: new Date(nowMs + CA_MS),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto as never),
      ],
    },
    webcrypto as never,
  );
  return { certPem: certificate.toString('pem'), keyPem: await exportKey(keys.privateKey) };
}

/** The library registers its parts by metadata of types, and expects whoever uses it to bring the registry. */
async function loadLibrary(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/** A certificate for the names by which agents and people reach this coordinator. */
export async function makeServerCertificate(options: {
  readonly ca: CertificateAndKey;
  readonly names: readonly string[];
  readonly nowMs: number;
}): Promise<CertificateAndKey> {
  const x509 = await loadLibrary();
  const { ca, nowMs } = options;
  const names = serverNames(options.names);
  const issuer = new x509.X509Certificate(ca.certPem);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serial(),
      subject: 'CN=Moult coordinator',
      issuer: issuer.subject,
      notBefore: new Date(nowMs - BACKDATE_MS),
      notAfter: new Date(nowMs + SERVER_MS),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: await importKey(ca.keyPem),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
        ),
        await x509.AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto as never),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto as never),
      ],
    },
    webcrypto as never,
  );
  return { certPem: certificate.toString('pem'), keyPem: await exportKey(keys.privateKey) };
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

/** Always reachable on the machine itself; an address that stands for all of them is no name. */
function serverNames(names: readonly string[]): readonly string[] {
  const all = [...names, 'localhost', '127.0.0.1', '::1'];
  return [...new Set(all.filter((name) => name !== '0.0.0.0' && name !== '::' && name !== ''))];
}

function serial(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  // Positive and without a leading zero, as DER wants it.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const base64 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}
