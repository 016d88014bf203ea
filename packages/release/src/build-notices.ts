import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The licences of bundled packages as one text, ordered by name and version. */
export async function noticesOf(packageDirs: readonly string[]): Promise<string> {
  const notices = new Map<string, string>();
  for (const dir of packageDirs) {
    const { name, version, license } = JSON.parse(
      await readFile(join(dir, 'package.json'), 'utf8'),
    );
    notices.set(`${name} ${version}`, await licenseTextOf(dir, String(license)));
  }
  const parts = [...notices].sort(([a], [b]) => (a < b ? -1 : 1));
  return `${parts.map(([title, text]) => `${title}\n\n${text.trim()}\n`).join('\n\n')}\n`;
}

async function licenseTextOf(dir: string, license: string): Promise<string> {
  const names = (await readdir(dir)).filter((name) => /^(licen[cs]e|notice)/i.test(name)).sort();
  const texts = await Promise.all(
    names.map((name) => readFile(join(dir, name), 'utf8').catch(() => '')),
  );
  const text = texts.filter((part) => part !== '').join('\n');
  return text === '' ? `Licence: ${license}` : text;
}
