import { describe, expect, test } from 'vitest';
import { DEFAULT_SPEC } from '../src/rollout/index.ts';
import {
  policyOf,
  SETTINGS,
  settingInForce,
  settingNamed,
  settingValue,
  specByPolicy,
} from '../src/settings.ts';

const BY_SELECTOR = { bySelector: true };
const NONE = new Map<string, string>();
const policy = (
  fleet: Readonly<Record<string, string>> = {},
  group: Readonly<Record<string, string>> = {},
) => policyOf({ fleet: new Map(Object.entries(fleet)), group: new Map(Object.entries(group)) });

describe('settings', () => {
  test('unless somebody sets one, a rollout goes on by what it always did', () => {
    const asked = { component: 'agent', version: '2.0.0' } as const;
    expect(specByPolicy(policy(), asked, BY_SELECTOR)).toEqual({ ...DEFAULT_SPEC, ...asked });
    expect(policy()).toMatchObject({ startsByItself: true, followsCoordinator: true });
  });

  test.each(SETTINGS)('the default of $key is of its form', ({ key, default: text }) => {
    expect(settingValue(key, text)).toBe(text);
  });

  test.each([
    ['rollout.waves', ' 1, 10% ,rest', '1,10%,rest'],
    ['rollout.soak', '120s', '2m'],
    ['rollout.soak', '90s', '90s'],
    ['rollout.soak', '0', '0'],
    ['rollout.success', '99.5%', '99.5%'],
    ['rollout.max-failed', '3', '3'],
    ['rollout.max-failed', '7%', '7%'],
    ['rollout.max-failed', '5%/20', '5%/20'],
    ['rollout.on-error', 'continue', 'continue'],
    ['choice.starts', 'no', 'no'],
  ])('%s: %s is kept as %s', (key, text, kept) => {
    expect(settingValue(key, text)).toBe(kept);
  });

  test.each([
    ['rollout.waves', '1,10%'],
    ['rollout.waves', '0,rest'],
    ['rollout.soak', '31d'],
    ['rollout.soak', '5'],
    ['rollout.success', '101%'],
    ['rollout.max-failed', '5%/0'],
    ['rollout.max-failed', '5%/2/3'],
    ['rollout.max-failed', '-1'],
    ['rollout.on-error', 'halt'],
    ['choice.starts', 'true'],
  ])('%s: %s is refused, with its form', (key, text) => {
    expect(() => settingValue(key, text)).toThrow(`${key} is ${settingNamed(key).form}`);
  });

  test('one that there is not is refused, with the one that was meant', () => {
    expect(() => settingNamed('rollout.wave')).toThrow('did you mean rollout.waves?');
    expect(() => settingNamed('colour')).toThrow('there is no setting colour');
  });

  test('a group’s goes before the fleet’s, and that before the default', () => {
    const fleet = { 'rollout.soak': '10m', 'rollout.on-error': 'continue' };
    const both = policy(fleet, { 'rollout.soak': '1h' });
    expect(both).toMatchObject({ soakMs: 3_600_000, onError: 'continue' });
    const of = { fleet: new Map(Object.entries(fleet)), group: NONE };
    expect(settingInForce(settingNamed('rollout.soak'), of)).toMatchObject({ from: 'fleet' });
    expect(settingInForce(settingNamed('rollout.waves'), of)).toMatchObject({
      from: 'default',
      value: '1,rest',
    });
  });

  test('RO6: what another version has stored, and cannot be read, allows nothing', () => {
    expect(() => policy({ 'rollout.on-error': 'ask' })).toThrow('and not ask');
  });

  test('a rollout’s own word goes before settings, but for the second principal', () => {
    const set = policy({ 'rollout.soak': '10m', 'rollout.second-principal': 'yes' });
    const given = { soakMs: 0, needsSecondPrincipal: false };
    const asked = { component: 'agent', version: '2.0.0' } as const;
    expect(specByPolicy(set, { ...asked, ...given }, BY_SELECTOR)).toMatchObject({
      soakMs: 0,
      needsSecondPrincipal: true,
    });
    expect(
      specByPolicy(policy(), { ...asked, needsSecondPrincipal: true }, BY_SELECTOR),
    ).toMatchObject({
      needsSecondPrincipal: true,
    });
  });

  test('agents by name are joined by nobody, whatever settings say', () => {
    const set = policy({ 'rollout.late-joiners': 'yes' });
    const asked = { component: 'agent', version: '2.0.0' } as const;
    expect(specByPolicy(set, asked, BY_SELECTOR)).toMatchObject({ takesLateJoiners: true });
    expect(specByPolicy(set, asked, { bySelector: false })).toMatchObject({
      takesLateJoiners: false,
    });
  });
});
