import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addReleaseBuild } from './build.ts';
import { addReleaseImport } from './import.ts';
import { addReleaseList } from './list.ts';
import { addReleasePublish } from './publish.ts';
import { addReleasePublishRoot } from './publish-root.ts';
import { addReleaseShow } from './show.ts';

export function addReleaseGroup(program: Command, shell: Shell): void {
  const group = program.command('release').description('build, import, sign and publish releases');
  addReleaseBuild(group, shell);
  addReleaseImport(group, shell);
  addReleasePublish(group, shell);
  addReleasePublishRoot(group, shell);
  addReleaseList(group, shell);
  addReleaseShow(group, shell);
}
