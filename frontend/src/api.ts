// The websocket commands of Watched Sync: what is asked, and the shape of each answer.
// The other side is `custom_components/watched_sync/api.py`.
import type { Hass } from './hass.js';

/** For whom: the persons or the lanes, or neither for whoever is signed in. */
export interface Whose {
  person?: string | string[];
  config_entry_id?: string | string[];
}

export type SyncState = 'synced' | 'pending' | 'syncing' | 'failed';
export type Kind = 'movie' | 'show' | 'season' | 'episode';

/** What one lane says about a work. Positions are seconds. */
export interface LaneState {
  config_entry_id: string;
  item_id: string;
  watched: boolean | null;
  position: number;
  last_played: string | null;
  sync_state: SyncState;
  last_error: string | null;
  server_watched: boolean | null;
  server_position: number | null;
}

/** A film, a show or an episode: the same work on several lanes is one. */
export interface Work {
  ref: string;
  kind: Kind;
  title: string;
  full_title: string;
  year: number | null;
  picture: string | null;
  duration: number | null;
  /** null: not known, for instance because it is still being read. */
  watched: boolean | null;
  position: number;
  last_played: string | null;
  sync_state: SyncState;
  /** The key of a reason: see `reason` in `words.ts`. */
  last_error: string | null;
  agrees: boolean;
  lanes: LaneState[];
  /** Keys of `Who.persons`. */
  seen_by: string[];
  // Of a show.
  episodes?: number;
  watched_episodes?: number | null;
  // Of an episode.
  show?: string;
  show_ref?: string;
  season?: number | null;
  episode?: number | null;
  episode_end?: number | null;
  number?: string;
  aired?: string | null;
  unaired?: boolean;
  special?: boolean;
}

export interface Person {
  key: string;
  name: string;
  picture: string | null;
  me: boolean;
}

export interface Lane {
  config_entry_id: string;
  lane: string;
  server: string;
  user: string;
  product: 'plex' | 'jellyfin' | 'emby';
  owner: string;
  shared: boolean;
  mine: boolean;
  loaded: boolean;
  status: string | null;
  pending: number;
  failed: number;
  last_error: string | null;
  since: string | null;
  next_attempt: string | null;
  last_synced: string | null;
  inventory: string;
  percent: number | null;
  items: number;
  libraries: Record<string, string>;
}

export interface Who {
  me: string | null;
  is_admin: boolean;
  persons: Person[];
  lanes: Lane[];
  /** The files that go with the Home Assistant that answers: see `isOutdated`. */
  bundle: string;
}

export interface Waiting {
  operation_id: string;
  config_entry_id: string;
  lane: string;
  ref: string;
  title: string;
  picture: string | null;
  change: 'mark_watched' | 'mark_unwatched' | 'set_progress';
  position?: number;
  batch_id: string;
  asked_at: string;
  status: 'queued' | 'syncing' | 'failed';
  next_attempt: string | null;
  last_error: string | null;
  why: string;
  /** The sentence, in the language that was asked for. */
  text: string;
}

/** Rows by their keys, and the keys in order. */
export interface Ordered<Row> {
  order: string[];
  rows: Record<string, Row>;
}

/** What a subscription has told until now. */
export interface View {
  up_next: Ordered<Work>;
  waiting: Ordered<Waiting> & { pending: number; failed: number };
  health: Ordered<Lane>;
  /** What is being brought level, by its batch. */
  levelling: Ordered<Levelling>;
  /** What is offered to be brought level, as it does not show the same. */
  offers: Ordered<LevelOffer>;
}

export interface LevelOffer {
  config_entry_id: string[];
  /** Those whom the others are to follow; none: each follows all others. */
  source: string[];
  lanes: string[];
}

/** What looks different in the library now; `reload` if that is too much to tell. */
export interface LibraryChange {
  works?: Record<string, Work>;
  reload?: boolean;
}

export type ViewEvent =
  | ({ type: 'all' } & View)
  | {
    type: 'changed';
    up_next?: Partial<Ordered<Work>>;
    waiting?: Partial<View['waiting']>;
    health?: Partial<Ordered<Lane>>;
    levelling?: Partial<Ordered<Levelling>>;
    offers?: Partial<Ordered<LevelOffer>>;
    library?: LibraryChange;
  };

export interface Skipped {
  config_entry_id: string;
  lane: string;
  reason: string;
}

export interface Page {
  works: Work[];
  total: number;
  start: number;
  skipped: Skipped[];
}

export interface LibraryQuery {
  kinds?: ('movie' | 'show')[];
  state?: 'watched' | 'unwatched' | 'in_progress' | 'nobody';
  waiting?: boolean;
  disagree?: boolean;
  library?: string[];
  query?: string;
  sort?: 'title' | 'year' | 'last_played' | 'duration';
  descending?: boolean;
  start?: number;
  limit?: number;
}

export interface Season {
  season: number | null;
  special: boolean;
  watched_episodes: number;
  aired_episodes: number;
  episodes: Work[];
}

export interface Show {
  work: Work;
  next: Work | null;
  seasons: Season[];
  skipped: Skipped[];
}

export interface HouseholdRow {
  key: string;
  watched: boolean | null;
  position: number;
  last_played: string | null;
  episodes?: number;
  watched_episodes?: number | null;
}

export interface WorkDetails {
  work: Work;
  household: HouseholdRow[];
  external_ids: string[];
}

export interface Cause {
  kind: 'person' | 'automation' | 'script' | 'voice' | 'assistant' | 'player' | 'mirror'
    | 'undo' | 'level' | 'import' | 'unknown';
  name: string | null;
  person: string | null;
}

export interface HistoryRow {
  key: string;
  operation_id: string;
  batch_id: string;
  batch_size: number;
  config_entry_id: string;
  lane: string;
  owner: string;
  ref: string;
  title: string;
  picture: string | null;
  kind: Kind;
  change: Waiting['change'];
  position?: number;
  items: number;
  asked_at: string;
  settled_at: string;
  result: 'delivered' | 'already_true' | 'overruled' | 'superseded' | 'rejected' | 'discarded';
  cause: Cause;
  undone: boolean;
  undo: 'batch' | 'row' | 'no';
  /** The sentence, in the language that was asked for. */
  text: string;
}

export interface History {
  rows: HistoryRow[];
  total: number;
}

export interface Done {
  batch_id: string | null;
  operations: { operation_id: string; title: string; lane: string; status: string }[];
  skipped: (Skipped & { title?: string })[];
}

/** What is to be level, or which levelling is meant and what is to become of it. */
export interface LevelQuestion {
  config_entry_id?: string[];
  direction?: 'both' | 'from';
  source?: string[];
  what?: 'watched' | 'watched_and_progress' | 'exact';
  since?: string;
  confirm?: string;
  batch_id?: string;
  stop?: true;
  go_on?: true;
  dry_run?: true;
}

/** Why something is not brought level. */
export type LeftOut = 'no_ids' | 'not_found' | 'ambiguous' | 'other_file' | 'too_short' | 'cannot_hold'
  | 'overruled' | 'unreadable';

/** What would change on one lane. */
export interface LevelLane {
  config_entry_id: string;
  lane: string;
  total: number;
  films_to_mark: number;
  episodes_to_mark: number;
  films_to_unmark: number;
  episodes_to_unmark: number;
  film_positions: number;
  episode_positions: number;
  equal: number;
  probable: number;
  left_out: Partial<Record<LeftOut, number>>;
  /** The first of what would change. */
  rows: { item_id: string; title: string | null; from: string }[];
}

interface Tally {
  total: number;
  left: number;
  done: number;
  failed: number;
}

/** How far servers are on the way to be level. */
export interface Levelling extends Tally {
  batch_id: string;
  state: 'running' | 'stopped' | 'finished' | 'undoing' | 'undone';
  title: string | null;
  sides: string[];
  lanes: ({ lane: string } & Tally)[];
}

export interface LevelAnswer {
  batch_id: string | null;
  plan_id: string;
  total: number;
  lanes: LevelLane[];
  skipped: Skipped[];
  levelling?: Levelling;
  /** Of a plan that is another one by now: that, in words. */
  message?: string;
}

export type MarkScope = 'item' | 'season' | 'show' | 'up_to';

export interface MarkOptions {
  scope?: MarkScope;
  include_specials?: boolean;
  confirm?: boolean;
}

/** The commands, in the name of whoever is signed in at *hass*. */
export class Api {
  constructor(private readonly hass: Hass) {}

  private ask<Answer>(command: string, details: object = {}): Promise<Answer> {
    return this.hass.callWS<Answer>({ type: `watched_sync/${command}`, ...details });
  }

  who(): Promise<Who> {
    return this.ask('who');
  }

  /**
   * Be told of *whose* up next, queue and health, until the function returned is called
   * or the connection is lost: while Home Assistant starts nobody may be there to answer,
   * so that asking again is up to the caller.
   */
  subscribe(
    whose: Whose,
    told: (event: ViewEvent) => void,
  ): Promise<() => Promise<void> | void> {
    return this.hass.connection.subscribeMessage<ViewEvent>(told, {
      type: 'watched_sync/subscribe', ...whose, language: this.hass.language,
    }, { resubscribe: false });
  }

  library(whose: Whose, query: LibraryQuery): Promise<Page> {
    return this.ask('library', { ...whose, ...query });
  }

  async works(whose: Whose, refs: string[]): Promise<Work[]> {
    return (await this.ask<{ works: Work[] }>('works', { ...whose, ref: refs })).works;
  }

  item(whose: Whose, ref: string): Promise<WorkDetails> {
    return this.ask('item', { ...whose, ref });
  }

  show(whose: Whose, ref: string): Promise<Show> {
    return this.ask('show', { ...whose, ref });
  }

  history(whose: Whose, page: { start?: number; limit?: number; ref?: string }): Promise<History> {
    return this.ask('history', { ...whose, ...page, language: this.hass.language });
  }

  mark(
    whose: Whose,
    watched: boolean,
    ref: string | string[],
    options: MarkOptions = {},
  ): Promise<Done> {
    return this.ask(watched ? 'mark_watched' : 'mark_unwatched', { ...whose, ref, ...options });
  }

  setPosition(whose: Whose, ref: string, position: number): Promise<Done> {
    return this.ask('set_progress', { ...whose, ref, position });
  }

  /** Take a batch back, or everything since it, or one row, or else the last batch. */
  undo(
    whose: Whose,
    what: { batch_id?: string; since?: string; operation_id?: string; dry_run?: true; confirm?: true } = {},
  ): Promise<Done> {
    return this.ask('undo', { ...whose, ...what });
  }

  /** Try what failed once more: the operations named, or all. */
  retry(whose: Whose, operations?: string[]): Promise<unknown> {
    return this.ask('retry', { ...whose, ...(operations ? { operation_id: operations } : {}) });
  }

  discard(whose: Whose, operations?: string[]): Promise<unknown> {
    return this.ask('discard', { ...whose, ...(operations ? { operation_id: operations } : {}) });
  }

  /** Plan, confirm a plan, stop, go on, or ask how far one is. */
  level(question: LevelQuestion): Promise<LevelAnswer> {
    return this.ask('level', question);
  }

  syncNow(whose: Whose): Promise<unknown> {
    return this.ask('sync_now', whose);
  }
}

/** The address of a picture in a width of 200, 400 or 800 pixels. */
export function sized(picture: string, width: 200 | 400 | 800): string {
  return `${picture}${picture.includes('?') ? '&' : '?'}width=${width}`;
}

function mergePart<Row, Part extends Ordered<Row>>(before: Part, change?: Partial<Part>): Part {
  if (change === undefined) return before;
  const order = change.order ?? before.order;
  const known: Record<string, Row> = { ...before.rows, ...change.rows };
  const rows = Object.fromEntries(
    order.flatMap((key) => (known[key] === undefined ? [] : [[key, known[key]]])),
  );
  return { ...before, ...change, order, rows };
}

/** What is known after an event: rows that are in no order any more are gone. */
export function merge(before: View | undefined, event: ViewEvent): View | undefined {
  if (event.type === 'all') {
    const { up_next, waiting, health, levelling, offers } = event;
    return { up_next, waiting, health, levelling, offers };
  }
  return before && {
    up_next: mergePart<Work, View['up_next']>(before.up_next, event.up_next),
    waiting: mergePart<Waiting, View['waiting']>(before.waiting, event.waiting),
    health: mergePart<Lane, View['health']>(before.health, event.health),
    levelling: mergePart<Levelling, View['levelling']>(before.levelling, event.levelling),
    offers: mergePart<LevelOffer, View['offers']>(before.offers, event.offers),
  };
}
