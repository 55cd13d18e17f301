// Who is there to look at, and how the one chosen is named to the commands.
import { Api, type Who, type Whose } from './api.js';
import type { Hass } from './hass.js';

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

/** Who is there, as Home Assistant says now. */
export const askWho = (hass: Hass): Promise<Who> => new Api(hass).who();
