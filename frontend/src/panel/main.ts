// The page *Watched* in Home Assistant's sidebar: its head, its tabs, and the sheet that
// lies over a page. Every state has an address of its own:
//   /watched/<page>/…?person=<key>&open=<ref>
import { LitElement, css, html, nothing, type PropertyValues } from 'lit';
import { property, state } from 'lit/decorators.js';
import { define } from '../define.js';
import type { Who, Whose, Work } from '../api.js';
import { isWsError, tell, type Hass } from '../hass.js';
import { icon } from '../parts/icons.js';
import '../parts/persons.js';
import '../parts/sheet.js';
import { shared } from '../parts/style.js';
import { ViewController } from '../view.js';
import { askWho, askWhoInWords, firstPerson, isOutdated, whoseOf } from '../who.js';
import { WordsController, complaint, hasWords, t, tn } from '../words.js';
import { go, pageAddress, wanted } from './address.js';
import { PAGES, SIGN_IN, pageAt, type Page } from './pages.js';

interface Route {
  prefix: string;
  path: string;
}

function differs(now?: Hass, before?: Hass): boolean {
  return now?.language !== before?.language || now?.connection !== before?.connection
    || now?.connected !== before?.connected || now?.user?.id !== before?.user?.id;
}

@define('watched-sync-panel')
export class WatchedSyncPanel extends LitElement {
  /** New with every state of Home Assistant's, of which little is of interest here. */
  @property({ attribute: false, hasChanged: differs }) hass: Hass | undefined;

  @property({ type: Boolean, reflect: true }) narrow = false;

  @property({ attribute: false }) route: Route | undefined;

  @property({ attribute: false }) panel: unknown;

  @state() private who: Who | undefined;

  @state() private trouble = '';

  /** Pages whose code is there. */
  @state() private loaded: ReadonlySet<string> = new Set();

  private language = '';

  /** Whether the sheet was opened here, so that closing it is going back. */
  private pushed = false;

  private timer: ReturnType<typeof setTimeout> | undefined;

  /** The page shown, how far each was scrolled, and whether one is gone back to. */
  private shown = '';

  private readonly tops = new Map<string, number>();

  private isBack = false;

  private readonly follow = new ViewController(
    this,
    () => (this.hass && this.who ? { hass: this.hass, whose: this.whose } : undefined),
    ({ reload }) => {
      // The first of it is no news; later it is another Home Assistant, or other lanes.
      if (reload && this.follow.view && this.hass) {
        void askWho(this.hass).then((who) => { this.who = who; }, () => undefined);
      }
    },
  );

  constructor() {
    super();
    new WordsController(this);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener('location-changed', this.moved);
    window.addEventListener('popstate', this.moved);
    this.addEventListener('scroll', this.scrolled, { passive: true });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener('location-changed', this.moved);
    window.removeEventListener('popstate', this.moved);
    this.removeEventListener('scroll', this.scrolled);
    clearTimeout(this.timer);
  }

  /** Home Assistant tells of paths, not of what follows a question mark. */
  private readonly moved = (event: Event): void => {
    this.isBack = event.type === 'popstate';
    this.requestUpdate();
  };

  private readonly scrolled = (): void => {
    this.tops.set(this.shown, this.scrollTop);
  };

  private get person(): string {
    return this.who ? firstPerson(this.who, wanted().get('person') ?? undefined) : '';
  }

  private get whose(): Whose {
    return this.who ? whoseOf(this.who, this.person) : {};
  }

  protected override willUpdate(_: PropertyValues): void {
    const { hass } = this;
    if (hass && this.language !== hass.language) {
      this.language = hass.language;
      void this.begin(hass);
    }
    const { page } = pageAt(this.route?.path ?? '');
    if (!this.loaded.has(page.path)) {
      void page.load().then(() => { this.loaded = new Set([...this.loaded, page.path]); });
    }
    if (wanted().has('open') && !this.loaded.has('work')) {
      void import('../parts/work.js').then(() => { this.loaded = new Set([...this.loaded, 'work']); });
    }
  }

  protected override updated(): void {
    const { page } = pageAt(this.route?.path ?? '');
    if (this.shown === page.path) return;
    this.shown = page.path;
    void this.scrollBack(page.path, this.isBack ? this.tops.get(page.path) ?? 0 : 0);
  }

  /** Another page begins at its top; one gone back to, where it was left once it is long enough. */
  private async scrollBack(page: string, top: number): Promise<void> {
    for (let frame = 0; frame < 120 && this.shown === page; frame += 1) {
      this.scrollTop = top;
      if (Math.abs(this.scrollTop - top) < 1) return;
      await new Promise(requestAnimationFrame);
    }
  }

  private async begin(hass: Hass): Promise<void> {
    try {
      this.who = await askWhoInWords(hass);
      this.trouble = '';
    } catch (error) {
      if (!isWsError(error)) throw error;
      this.trouble = complaint(error);
      this.timer = setTimeout(() => void this.begin(hass), 5000);
    }
  }

  private open(ref: string): void {
    this.pushed = true;
    go({ open: ref });
  }

  private close(): void {
    if (!wanted().has('open')) return;
    if (this.pushed) history.back();
    else go({ open: null }, true);
    this.pushed = false;
  }

  protected override render() {
    const { hass, who } = this;
    const { page, rest } = pageAt(this.route?.path ?? '');
    return html`
      <header>
        ${this.narrow ? html`<button class="round" aria-label=${t('panel.menu')}
          @click=${() => tell(this, 'hass-toggle-menu')}>${icon('menu')}</button>` : nothing}
        <h1>${t('panel.title')}</h1>
        <nav aria-label=${t('panel.pages')}>${PAGES.map((one) => this.renderTab(one, one === page))}</nav>
        <ws-persons .persons=${who?.persons ?? []} .chosen=${this.person}
          @ws-person=${(event: CustomEvent<string>) => go({ person: event.detail, open: null })}></ws-persons>
      </header>
      ${hasWords() ? this.renderBanners() : nothing}
      <main @ws-open=${(event: CustomEvent<Work>) => this.open(event.detail.ref)}>
        ${this.trouble || this.follow.error ? html`<p class="trouble">${icon('alert')}
            <span>${this.trouble || (this.follow.error && complaint(this.follow.error))}</span></p>`
          : hass && who && hasWords() && this.loaded.has(page.path) ? page.render({
            hass, who, person: this.person, whose: this.whose, view: this.follow.view, rest, narrow: this.narrow,
          }) : nothing}
      </main>
      ${this.renderSheet()}`;
  }

  private renderTab(page: Page, isShown: boolean) {
    const failed = page.path === 'waiting' ? this.follow.view?.waiting.failed ?? 0 : 0;
    return html`<a class="tab" href=${pageAddress(page.path)} aria-current=${isShown ? 'page' : 'false'}>
      <span class="sign">${icon(page.icon)}${failed ? html`<span class="badge" aria-hidden="true"></span>` : nothing}</span>
      <span>${t(page.title)}</span>${failed ? html`<span class="unseen">, ${tn('card.failed', failed)}</span>` : nothing}</a>`;
  }

  /** Who cannot be reached, and that nothing is lost by it. */
  private renderBanners() {
    const lanes = Object.values(this.follow.view?.health.rows ?? {});
    return html`<div class="banners" role="status">
      ${this.who && isOutdated(this.who, import.meta.url) ? html`<p class="banner">${icon('retry')}
          <span>${t('panel.outdated')}</span>
          <button class="pill" @click=${() => location.reload()}>${t('panel.reload')}</button></p>` : nothing}
      ${this.hass?.connected === false ? html`<p class="banner">${icon('alert')}<span>${t('panel.disconnected')}</span></p>` : nothing}
      ${lanes.map((lane) => (lane.status === 'offline' ? html`<p class="banner">${icon('cloud')}
          <span>${t('panel.offline', { lane: lane.lane })}</span></p>`
        : lane.status === 'auth_required' ? html`<p class="banner">${icon('alert')}
          <span>${t('panel.sign_in_needed', { lane: lane.lane })}</span>
          ${this.who?.is_admin ? html`<a class="pill" href=${SIGN_IN}>${t('panel.sign_in')}</a>` : nothing}</p>` : nothing))}
    </div>`;
  }

  private renderSheet() {
    const ref = wanted().get('open');
    if (!ref || !this.hass || !this.who || !this.loaded.has('work')) return nothing;
    return html`<ws-sheet .label=${t('card.details')} @ws-close=${() => this.close()}>
      <ws-work .hass=${this.hass} .whose=${this.whose} .who=${this.who} .ref=${ref}></ws-work>
    </ws-sheet>`;
  }

  static override styles = [shared, css`
    :host {
      /* Home Assistant gives it no height: with one of its own it scrolls, instead of growing. */
      display: flex; flex-direction: column; height: 100dvh; overflow: auto;
      background: var(--primary-background-color);
      --ws-card: var(--card-background-color, #fff); --ws-head: var(--header-height, 56px);
    }
    header {
      position: sticky; top: 0; z-index: 4; display: flex; align-items: center; gap: 8px 16px;
      min-height: var(--header-height, 56px); padding: 0 24px;
      background: var(--app-header-background-color, var(--ws-card));
      color: var(--app-header-text-color, var(--ws-text));
      border-block-end: 1px solid var(--ws-line);
    }
    ws-persons { margin-inline-start: auto; }
    h1 { margin: 0; font-size: 20px; font-weight: 500; }
    nav { display: flex; gap: 4px; flex: 1; }
    .tab {
      display: flex; align-items: center; gap: 8px; min-height: 40px; padding: 0 14px; border-radius: 20px;
      color: inherit; text-decoration: none; font-size: 14px; font-weight: 500;
    }
    .tab:hover { background: color-mix(in srgb, currentcolor 10%, transparent); }
    .tab[aria-current='page'] { background: var(--ws-tint); color: var(--ws-text); }
    .sign { position: relative; display: flex; }
    .badge {
      position: absolute; inset-block-start: -3px; inset-inline-end: -4px; width: 10px; height: 10px; border-radius: 50%;
      background: var(--ws-error); box-shadow: 0 0 0 2px var(--app-header-background-color, var(--ws-card));
    }
    .banners:empty { display: none; }
    .banner {
      display: flex; align-items: center; gap: 12px; margin: 0; padding: 10px 24px; min-height: 44px; font-size: 14px;
      background: color-mix(in srgb, var(--warning-color, #ffa600) 18%, var(--ws-card)); border-block-end: 1px solid var(--ws-line);
    }
    .banner .pill { margin-inline-start: auto; }
    main { flex: 1; padding: 20px 24px 32px; width: 100%; max-width: 1600px; margin: 0 auto; }
    .trouble { display: grid; justify-items: center; gap: 12px; padding: 15vh 16px; text-align: center; }
    .trouble .icon { width: 40px; height: 40px; }
    :host([narrow]) header { padding: 0 8px; }
    :host([narrow]) .banner { padding-inline: 16px; }
    :host([narrow]) main { padding: 16px 16px 88px; }
    :host([narrow]) nav:has(a) {
      position: fixed; inset-inline: 0; bottom: 0; z-index: 4; justify-content: space-around;
      padding: 6px 4px calc(6px + env(safe-area-inset-bottom)); background: var(--ws-card); color: var(--ws-text);
      border-block-start: 1px solid var(--ws-line);
    }
    :host([narrow]) .tab { flex: 1 1 0; min-width: 0; flex-direction: column; gap: 2px; font-size: 11px; padding: 4px 2px; white-space: nowrap; }
  `];
}
