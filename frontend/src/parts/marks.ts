// What was just ticked: it stays in sight for ten seconds, with a way back.
import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { Api, type Whose, type Work } from '../api.js';
import { isWsError, tell, type Hass } from '../hass.js';
import { complaint, t } from '../words.js';
import { ask } from './ask.js';

/** Milliseconds for which what was ticked can be taken back where it stands. */
export const LINGERS = 10_000;

/** Milliseconds for which what was taken back may still be told to be watched. */
const TOLD_LATE = 3000;

export interface Ticked {
  work: Work;
  /** Where it stood among the others. */
  at: number;
  /** null until the change is stored. */
  batch_id: string | null;
}

const CONFIRMED = ['mark_needs_confirmation', 'unmark_needs_confirmation',
  'unknown_size_needs_confirmation'];

/** Say something in Home Assistant's own way, at the edge of the window. */
export const toast = (host: HTMLElement) => (message: string): void => {
  tell(host, 'hass-notification', { message });
};

/**
 * Do something; what Home Assistant refuses is told, and what it wants to have confirmed
 * is asked. Returns undefined if it was not done.
 */
export async function attempt<Answer>(
  host: HTMLElement,
  action: (confirm: { confirm?: true }) => Promise<Answer>,
  say: (message: string) => void = toast(host),
): Promise<Answer | undefined> {
  let confirm: { confirm?: true } = {};
  for (;;) {
    try {
      return await action(confirm);
    } catch (error) {
      if (!isWsError(error)) throw error;
      if (confirm.confirm || !CONFIRMED.includes(error.translation_key ?? '')) {
        say(complaint(error));
        return undefined;
      }
      const count = error.translation_placeholders?.['count'];
      const text = count ? t('ask.many', { count }) : t('ask.unknown');
      if (!await ask(host, text, t('ask.go_on'))) return undefined;
      confirm = { confirm: true };
    }
  }
}

/** A work as it is once it is marked, until its news tell more. */
export function marked(work: Work, watched: boolean): Work {
  return {
    ...work,
    watched,
    position: 0,
    ...(work.kind === 'show' && { watched_episodes: watched ? work.episodes ?? null : 0 }),
  };
}

export class Marks implements ReactiveController {
  readonly ticked = new Map<string, Ticked>();

  /** What was taken back a moment ago: its news may not have come yet. */
  private readonly unticked = new Map<string, Ticked>();

  /** What a screen reader is to say. */
  said = '';

  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(private readonly host: ReactiveControllerHost & HTMLElement) {
    host.addController(this);
  }

  hostConnected(): void {
    // Timers begin with what is ticked.
  }

  hostDisconnected(): void {
    this.timers.forEach((timer) => clearTimeout(timer));
    this.timers.clear();
    this.ticked.clear();
    this.unticked.clear();
  }

  /**
   * The works to show: those given, and what was ticked where it stood. What was taken
   * back is as it was before, until that is told: who ticks it once more means to mark it.
   */
  among(works: readonly Work[]): Work[] {
    const told = new Set(works.filter(({ watched }) => watched !== true).map(({ ref }) => ref));
    const late = [...this.unticked.values()].filter(({ work }) => !told.has(work.ref));
    const held = [...this.ticked.values(), ...late];
    const refs = new Set(held.map(({ work }) => work.ref));
    const shown = works.filter(({ ref }) => !refs.has(ref));
    held.sort((one, other) => one.at - other.at)
      .forEach(({ work, at }) => shown.splice(Math.min(at, shown.length), 0, work));
    return shown;
  }

  /** Mark a work as watched; it stood at a place among the others. */
  async tick(hass: Hass, whose: Whose, work: Work, at: number): Promise<void> {
    const ticked: Ticked = { work, at, batch_id: null };
    this.ticked.set(work.ref, ticked);
    this.unticked.delete(work.ref);
    this.host.requestUpdate();
    const done = await attempt(this.host, (confirm) => (
      new Api(hass).mark(whose, true, work.ref, confirm)
    ));
    if (done === undefined) {
      this.ticked.delete(work.ref);
      this.host.requestUpdate();
      return;
    }
    ticked.batch_id = done.batch_id;
    if (done.batch_id === null) {
      // It was watched already: there is nothing to take back.
      this.forget(work.ref);
      return;
    }
    this.said = t('card.ticked', { title: work.full_title });
    this.host.requestUpdate();
    this.timers.set(work.ref, setTimeout(() => this.forget(work.ref), LINGERS));
  }

  /** Take the tick back. */
  async untick(hass: Hass, whose: Whose, ref: string): Promise<void> {
    const ticked = this.ticked.get(ref);
    if (!ticked?.batch_id) return;
    const { batch_id } = ticked;
    clearTimeout(this.timers.get(ref));
    const done = await attempt(this.host, () => new Api(hass).undo(whose, { batch_id }));
    if (done !== undefined) {
      this.said = t('card.unticked', { title: ticked.work.full_title });
      this.holdUnticked(ticked);
    }
    this.forget(ref);
  }

  /** Mark a work that was watched before as unwatched; it stands at a place. */
  async unmark(hass: Hass, whose: Whose, work: Work, at: number): Promise<void> {
    const done = await attempt(this.host, (confirm) => (
      new Api(hass).mark(whose, false, work.ref, confirm)
    ));
    if (done === undefined) return;
    this.holdUnticked({ work: marked(work, false), at, batch_id: null });
    this.host.requestUpdate();
  }

  /** Show a work as it is now until that is told. */
  private holdUnticked(unticked: Ticked): void {
    const { ref } = unticked.work;
    this.unticked.set(ref, unticked);
    setTimeout(() => {
      if (this.unticked.get(ref) === unticked) this.unticked.delete(ref);
      this.host.requestUpdate();
    }, TOLD_LATE);
  }

  private forget(ref: string): void {
    this.timers.delete(ref);
    this.ticked.delete(ref);
    this.host.requestUpdate();
  }
}
