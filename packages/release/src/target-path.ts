/** `releases/agent/<sha256>.2.0.0.json` for `releases/agent/2.0.0.json`: consistent snapshots of TUF. */
export function consistentTargetPath(targetPath: string, sha256: string): string {
  const cut = targetPath.lastIndexOf('/') + 1;
  return `${targetPath.slice(0, cut)}${sha256}.${targetPath.slice(cut)}`;
}
