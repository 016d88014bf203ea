/* Who installs, and who the service is to run as. */
import { userInfo } from 'node:os';
import { CodedError } from '@moult/core/errors';
import type { User, Users } from '@moult/core/install';
import { runTool } from '@moult/runtime/system-tool';

type Admin = Users['admin'];

/** The user that this program runs as. */
export function currentUser(): Admin {
  const { username, uid, gid } = userInfo();
  return { name: username, ids: { uid, gid } };
}

export interface UserWish {
  readonly admin: Admin;
  /** `--user`; null: not given. */
  readonly given: string | null;
  /** Of a unit that is there; null: there is none. */
  readonly before: string | null;
  /** Made if it is not there; null: whoever installs. */
  readonly own: string | null;
}

/** Throws `user-unknown`, and `install-needs-root` for another user than this one. */
export async function findUsers(wish: UserWish): Promise<Users> {
  const { admin } = wish;
  const name = wish.given ?? wish.before ?? wish.own ?? admin.name;
  if (name === admin.name) return { admin, service: admin, hasServiceGroup: true };
  if (admin.ids.uid !== 0) {
    const message = `only root can install for ${name}; this is ${admin.name}`;
    throw new CodedError('install-needs-root', message, {
      remedy: 'Run it as root (sudo), or leave --user out.',
    });
  }
  const service = await findUser(name);
  if (service.ids === null && name !== wish.own) {
    throw new CodedError('user-unknown', `there is no user ${name} on this host`);
  }
  return { admin, service, hasServiceGroup: await hasGroup(name) };
}

/** Without ids: there is none of that name. */
export async function findUser(name: string): Promise<User> {
  const { exitCode, out } = await runTool('getent', ['passwd', name]);
  const [found, , uid, gid] = out.split(':');
  if (exitCode !== 0 || found !== name) return { name, ids: null };
  return { name, ids: { uid: Number(uid), gid: Number(gid) } };
}

async function hasGroup(name: string): Promise<boolean> {
  return (await runTool('getent', ['group', name])).exitCode === 0;
}
