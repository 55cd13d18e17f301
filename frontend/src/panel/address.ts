// The address of what is shown: every state of the panel has one, to be shared and to go
// back to.
import { navigate } from '../hass.js';

/** Changes of what follows the question mark; null takes a word away. */
export type Changes = Record<string, string | null>;

/** What follows the question mark now. */
export const wanted = (): URLSearchParams => new URLSearchParams(location.search);

const whole = (path: string, search: URLSearchParams): string => (
  search.size ? `${path}?${search.toString()}` : path
);

/** The address of what is shown, with other words behind the question mark. */
export function address(changes: Changes): string {
  const search = wanted();
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) search.delete(key);
    else search.set(key, value);
  }
  return whole(location.pathname, search);
}

/** The address of a page about the same person, with more words behind the question mark. */
export function pageAddress(page: string, words: Record<string, string> = {}): string {
  const person = wanted().get('person');
  return whole(`/watched/${page}`, new URLSearchParams({ ...(person === null ? {} : { person }), ...words }));
}

/** Show something else of the page; not a place to go back to if *quietly*. */
export function go(changes: Changes, quietly = false): void {
  navigate(address(changes), quietly);
}
