import type { Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import type { Version } from '@moult/core/versions';
import type { ReleasePlatformTable, ReleaseTable } from '../database.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { prepared } from './prepared.ts';

export interface ReleaseName {
  readonly component: Component;
  readonly version: Version;
}

export interface ReleaseView {
  readonly release: ReleaseTable;
  readonly platforms: readonly ReleasePlatformTable[];
  /** Instances that run it now. */
  readonly agents: number;
}

export interface ImportedPlatform extends Order, ReleaseName {
  readonly platform: string;
  readonly digest: string;
  readonly manifestBytes: number;
  readonly bytes: number;
  readonly files: number;
  readonly minimumLauncher: string | null;
  /** Absent: it is not. */
  readonly isIrreversible?: boolean;
}

/** False: it was there already. Another digest for the same platform of a version throws `release-exists`. */
export async function recordImport(
  context: WriteContext,
  args: ImportedPlatform,
): Promise<{ readonly isNew: boolean }> {
  const { component, version, platform, nowMs, principal } = args;
  const known = await platformOf(context.db, { component, version, platform });
  if (known !== null) {
    if (known.digest === args.digest) return { isNew: false };
    throw new CodedError(
      'release-exists',
      `${component} ${version} for ${platform} was imported with other content`,
    );
  }
  const release = await releaseOf(context.db, args);
  if (release?.state === 'published') {
    throw new CodedError(
      'release-exists',
      `${component} ${version} is published without ${platform}`,
    );
  }
  if (release === null) {
    await context.db
      .insertInto('releases')
      .values({
        component,
        version,
        state: 'imported',
        imported_ms: nowMs,
        imported_by: principal,
        published_ms: null,
        published_by: null,
        why: args.why,
      })
      .execute();
  }
  const { digest, bytes, files } = args;
  await context.db
    .insertInto('release_platforms')
    .values({
      component,
      version,
      platform,
      digest,
      bytes,
      files,
      manifest_bytes: args.manifestBytes,
      minimum_launcher: args.minimumLauncher,
      is_irreversible: args.isIrreversible === true ? 1 : 0,
    })
    .execute();
  const detail = { version, platform, digest };
  await addHistory(context, { nowMs, kind: 'pack-imported', principal, component, detail });
  return { isNew: true };
}

/** After its metadata went live; again is no error. */
export async function recordPublish(
  context: WriteContext,
  args: Order & ReleaseName,
): Promise<void> {
  const release = await releaseOf(context.db, args);
  if (release === null)
    throw new CodedError('release-unknown', `${args.component} ${args.version} is not imported`);
  if (release.state === 'published') return;
  const { nowMs, principal, why, component, version } = args;
  await context.db
    .updateTable('releases')
    .set({ state: 'published', published_ms: nowMs, published_by: principal, why })
    .where('component', '=', component)
    .where('version', '=', version)
    .execute();
  await addHistory(context, {
    nowMs,
    kind: 'release-published',
    principal,
    why,
    component,
    detail: { version },
  });
}

/** After a root went live; again is no error. */
export async function recordRoot(
  context: WriteContext,
  args: Order & { readonly version: number; readonly sha256: string },
): Promise<void> {
  const { nowMs, principal, why, version, sha256 } = args;
  const detail = { version, sha256 };
  const kind = 'root-published';
  const known = await context.db
    .selectFrom('history')
    .select('position')
    .where('kind', '=', kind)
    .where('detail', '=', JSON.stringify(detail))
    .executeTakeFirst();
  if (known === undefined) await addHistory(context, { nowMs, kind, principal, why, detail });
}

export async function releaseOf(db: ReadContext, name: ReleaseName): Promise<ReleaseTable | null> {
  const row = await db
    .selectFrom('releases')
    .selectAll()
    .where('component', '=', name.component)
    .where('version', '=', name.version)
    .executeTakeFirst();
  return row ?? null;
}

/** RO6: what was withdrawn goes to nobody more. */
export async function isPublished(db: ReadContext, name: ReleaseName): Promise<boolean> {
  return (await releaseOf(db, name))?.state === 'published';
}

/** One platform of a release, published or not; null: not built for it. */
export async function platformOf(
  db: ReadContext,
  name: ReleaseName & { readonly platform: string },
): Promise<ReleasePlatformTable | null> {
  const [row] = await platformFor(db, name);
  return row ?? null;
}

const platformFor = prepared((db, name: ReleaseName & { readonly platform: string }) =>
  db
    .selectFrom('release_platforms')
    .selectAll()
    .where('component', '=', name.component)
    .where('version', '=', name.version)
    .where('platform', '=', name.platform),
);

/** What it was built for, by name. */
export async function platformsOf(db: ReadContext, name: ReleaseName): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('release_platforms')
    .select('platform')
    .where('component', '=', name.component)
    .where('version', '=', name.version)
    .orderBy('platform')
    .execute();
  return rows.map(({ platform }) => platform);
}

/** The version of the published release with this digest for a platform; null: none has it. */
export async function releaseByDigest(
  db: ReadContext,
  of: { readonly component: Component; readonly platform: string; readonly digest: string },
): Promise<Version | null> {
  const row = await db
    .selectFrom('release_platforms')
    .innerJoin('releases', (join) =>
      join
        .onRef('releases.component', '=', 'release_platforms.component')
        .onRef('releases.version', '=', 'release_platforms.version'),
    )
    .select('releases.version')
    .where('release_platforms.component', '=', of.component)
    .where('release_platforms.platform', '=', of.platform)
    .where('release_platforms.digest', '=', of.digest)
    .where('releases.state', '=', 'published')
    .executeTakeFirst();
  return row?.version ?? null;
}

/** In no particular order; versions are compared above. */
export async function allReleases(
  db: ReadContext,
  filter: { readonly component: Component | null; readonly version: Version | null },
): Promise<readonly ReleaseView[]> {
  let releases = db.selectFrom('releases').selectAll();
  if (filter.component !== null) releases = releases.where('component', '=', filter.component);
  if (filter.version !== null) releases = releases.where('version', '=', filter.version);
  const platforms = await db.selectFrom('release_platforms').selectAll().execute();
  const running = await db
    .selectFrom('instance_components')
    .innerJoin('instances', 'instances.id', 'instance_components.instance_id')
    .select((build) => ['component', 'current_version', build.fn.countAll<number>().as('agents')])
    .where('instances.role', '<>', 'removed')
    .groupBy(['component', 'current_version'])
    .execute();
  return (await releases.execute()).map((release) => ({
    release,
    platforms: platforms.filter(
      (row) => row.component === release.component && row.version === release.version,
    ),
    agents: Number(
      running.find(
        (row) => row.component === release.component && row.current_version === release.version,
      )?.agents ?? 0,
    ),
  }));
}
