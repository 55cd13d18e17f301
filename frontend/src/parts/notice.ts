// What just happened, with a way back for ten seconds; it stands inside what is open, as
// Home Assistant's own notices lie below a dialog.
import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { css, html, nothing } from 'lit';
import { Api, type Done, type Whose } from '../api.js';
import type { Hass } from '../hass.js';
import { t } from '../words.js';
import { icon } from './icons.js';
import { LINGERS, attempt } from './marks.js';

export class Notice implements ReactiveController {
  private text = '';

  private undo: (() => void) | undefined;

  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly host: ReactiveControllerHost & HTMLElement) {
    host.addController(this);
  }

  hostDisconnected(): void {
    this.clear();
  }

  /** Show a sentence, for ten seconds. */
  say = (text: string, undo?: () => void): void => {
    clearTimeout(this.timer);
    this.text = text;
    this.undo = undo;
    this.timer = setTimeout(() => this.clear(), LINGERS);
    this.host.requestUpdate();
  };

  private clear(): void {
    clearTimeout(this.timer);
    this.text = '';
    this.undo = undefined;
    this.host.requestUpdate();
  }

  /**
   * Change something, say so, and offer to take it back. Returns whether it was done.
   * *settled* is told what is stored now, so that what is shown does not go by what was
   * before while its news are on the way: a tap on it would do the opposite.
   */
  async change(
    hass: Hass,
    whose: Whose,
    said: string,
    action: (api: Api, confirm: { confirm?: true }) => Promise<Done>,
    settled: (now: 'done' | 'undone') => void,
  ): Promise<boolean> {
    const api = new Api(hass);
    const done = await attempt(this.host, (confirm) => action(api, confirm), this.say);
    if (done === undefined) return false;
    const { batch_id } = done;
    settled('done');
    if (batch_id === null) {
      this.say(t('notice.nothing'));
      return true;
    }
    this.say(said, () => {
      this.clear();
      void attempt(this.host, () => api.undo(whose, { batch_id }), this.say)
        .then((undone) => {
          if (!undone) return;
          settled('undone');
          this.say(t('notice.undone'));
        });
    });
    return true;
  }

  render() {
    return html`<div class="notice-place" role="status">${this.text ? html`
      <div class="notice"><span>${this.text}</span>${this.undo ? html`
        <button class="pill" @click=${this.undo}>${icon('undo')}${t('card.undo')}</button>` : nothing}
      </div>` : nothing}</div>`;
  }

  static readonly styles = css`
    .notice-place {
      position: sticky; bottom: 12px; z-index: 2; display: flex; justify-content: center;
      pointer-events: none;
    }
    .notice {
      display: flex; align-items: center; gap: 12px; padding: 6px 6px 6px 18px; min-height: 52px;
      border-radius: 26px; background: var(--ws-text); color: var(--ws-card); font-size: 14px;
      max-width: 100%; box-shadow: 0 4px 16px rgb(0 0 0 / 25%); pointer-events: auto;
      padding-inline: 18px 6px;
    }
    .notice .pill { background: color-mix(in srgb, var(--ws-card) 22%, transparent); }
    .notice .pill:hover:not(:disabled) { background: color-mix(in srgb, var(--ws-card) 34%, transparent); }
    .notice span:only-child { padding-inline-end: 12px; }
  `;
}
