/* The proxy that enrollment goes through is the one that the agent will use: written into agent.yaml, its password apart. */
import type { Layout } from '@moult/core/layout';
import { writeFileDurably } from '@moult/runtime/files';
import type { HttpProxy } from '@moult/runtime/way';
import { readAgentValues } from '../config/agent-config.ts';
import { type ProxySettings, proxySettingsIn } from '../config/proxy-settings.ts';
import { proxyOf } from '../host/way.ts';

export interface Proxied {
  readonly settings: ProxySettings | null;
  readonly proxy: HttpProxy | null;
}

/** Throws `config-invalid`, `proxy-password-exposed`. */
export async function proxiedBy(given: {
  readonly layout: Layout;
  readonly proxy?: string | null;
  readonly proxyPasswordFile?: string | null;
}): Promise<Proxied> {
  const { layout, proxy = null, proxyPasswordFile = null } = given;
  const kept = await readAgentValues({ layout, environment: () => null });
  // Both or none: a password that is kept belongs to the proxy that is kept.
  const settings = proxySettingsIn(proxy === null ? kept : { proxy, proxyPasswordFile });
  return { settings, proxy: settings === null ? null : await proxyOf(settings) };
}

/** What agent.yaml, which everybody may read, says of it. A password that was given as text goes into a file of its own. */
export async function keepProxy(
  layout: Layout,
  { settings }: Proxied,
): Promise<Readonly<Record<'proxy' | 'proxyPasswordFile', string | null>>> {
  if (settings === null) return { proxy: null, proxyPasswordFile: null };
  const { host, port, user, password } = settings;
  const name = host.includes(':') ? `[${host}]` : host;
  const proxy = `http://${user === null ? '' : `${encodeURIComponent(user)}@`}${name}:${port}`;
  if (password.kind === 'none') return { proxy, proxyPasswordFile: null };
  if (password.kind === 'in-file') return { proxy, proxyPasswordFile: password.path };
  const path = layout.proxyPasswordPath;
  await writeFileDurably(path, `${password.password}\n`, { mode: 0o600 });
  return { proxy, proxyPasswordFile: path };
}
