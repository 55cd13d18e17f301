// What can be chosen for the card; everything has a default.

export type What = 'up_next' | 'films' | 'show';
export const WHATS: readonly What[] = ['up_next', 'films', 'show'];

export interface CardConfig {
  type: string;
  /** A key of `Who.persons`; whoever is signed in if it is missing. */
  person?: string;
  what?: What;
  /** The ref of the show, for `what: show`. */
  show?: string;
  look?: 'posters' | 'list';
  /** Rows of posters, 1 to 4, or entries of a list divided by five. */
  rows?: number;
  title?: string;
}

/** Complain of what cannot be meant, in the words of whoever writes YAML. */
export function checked(config: CardConfig): CardConfig {
  if (config.what !== undefined && !WHATS.includes(config.what)) {
    throw new Error(`what is one of ${WHATS.join(', ')}`);
  }
  if (config.look !== undefined && !['posters', 'list'].includes(config.look)) {
    throw new Error('look is posters or list');
  }
  const { rows } = config;
  if (rows !== undefined && !(Number.isInteger(rows) && rows >= 1 && rows <= 4)) {
    throw new Error('rows is a whole number from 1 to 4');
  }
  return config;
}
