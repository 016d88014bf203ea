import type { UnitFacts } from '../install/index.ts';
import { type DoctorCheck, failing, passing, warning } from './check.ts';

/** Of an installation that systemd runs; who started it by hand has no unit. */
export function unitCheck({ path, text, found, systemd }: UnitFacts): DoctorCheck {
  const name = 'unit';
  if (found === null) return warning(name, 'unit-missing', `there is no ${path}`);
  if (systemd?.isActive === false) return failing(name, 'unit-inactive', `${path} is not active`);
  const troubles = [
    ...(found === text ? [] : ['it is not what this version would write']),
    ...(systemd?.isEnabled === false ? ['it is not enabled: nothing starts it at boot'] : []),
    ...(systemd?.needsReload === true ? ['systemd has not read it since it was changed'] : []),
  ];
  if (troubles.length > 0) return warning(name, 'unit-other', `${path}: ${troubles.join('; ')}`);
  return passing(name, `${path}: as this version would write it`);
}
