// Who is there to look at, and how the one chosen is named to the commands.
import { Api, type Person, type Who, type Whose } from './api.js';
import type { Hass } from './hass.js';
import { loadWords } from './words.js';

/** Whoever is shown if nobody else is asked for: oneself, else the first there is. */
export function firstPerson(who: Who, wanted?: string): string {
  const keys = who.persons.map(({ key }) => key);
  const mine = who.persons.find(({ me }) => me)?.key;
  return [wanted, mine, keys[0]].find((key) => key !== undefined && keys.includes(key)) ?? '';
}

/** How a person is named; one who is none of Home Assistant's by their lanes. */
export function whoseOf(who: Who, person: string): Whose {
  if (person.startsWith('person.')) return { person };
  const lanes = who.lanes.filter(({ owner }) => owner === person);
  // Nobody in particular: the household's.
  return lanes.length ? { config_entry_id: lanes.map((lane) => lane.config_entry_id) } : {};
}

/** Several persons at once, as they are named to the commands. */
export function whoseOfAll(who: Who, persons: readonly string[]): Whose {
  if (persons.every((person) => person.startsWith('person.'))) return { person: [...persons] };
  const lanes = who.lanes.filter(({ owner }) => persons.includes(owner));
  return { config_entry_id: lanes.map((lane) => lane.config_entry_id) };
}

/** Those whom it is about. */
export function meant(who: Who, { person, config_entry_id }: Whose): string[] {
  const keys = [person ?? []].flat();
  const entries = [config_entry_id ?? []].flat();
  const owners = who.lanes.filter((lane) => entries.includes(lane.config_entry_id)).map(({ owner }) => owner);
  return who.persons.map(({ key }) => key).filter((key) => keys.includes(key) || owners.includes(key));
}

/** Whether two lists have other persons on them. */
export function areOthers(now: readonly Person[], before?: readonly Person[]): boolean {
  return now.length !== before?.length || now.some((one, at) => one !== before[at]);
}

/** Who is there, as Home Assistant says now. */
export const askWho = (hass: Hass): Promise<Who> => new Api(hass).who();

/** The same, asked while the words are read: what goes wrong can be said only with them. */
export async function askWhoInWords(hass: Hass): Promise<Who> {
  const [words, who] = await Promise.allSettled([loadWords(hass), askWho(hass)]);
  if (words.status === 'rejected') throw words.reason;
  if (who.status === 'rejected') throw who.reason;
  return who.value;
}

/**
 * Whether a script that was loaded from *url* belongs to another version than the one that
 * answers: its folder is named by what is in it. A page stays open over an update.
 */
export const isOutdated = (who: Who, url: string): boolean => !url.includes(`/${who.bundle}/`);
