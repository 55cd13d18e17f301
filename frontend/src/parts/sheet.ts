// A dialog: from below on a phone, in the middle elsewhere. Escape, a tap beside it and
// the browser's own keys close it; the focus goes back to where it was.
import { LitElement, css, html } from 'lit';
import { property, query } from 'lit/decorators.js';
import { define } from '../define.js';
import { tell } from '../hass.js';
import { WordsController, t } from '../words.js';
import { icon } from './icons.js';
import { shared } from './style.js';

@define('ws-sheet')
export class Sheet extends LitElement {
  @property() label = '';

  @query('dialog') private dialog!: HTMLDialogElement;

  constructor() {
    super();
    new WordsController(this);
  }

  protected override firstUpdated(): void {
    this.dialog.showModal();
  }

  close(): void {
    this.dialog.close();
  }

  protected override render() {
    return html`<dialog aria-label=${this.label} @close=${() => tell(this, 'ws-close')}
      @click=${(event: Event) => { if (event.target === this.dialog) this.close(); }}>
      <div class="inside">
        <button class="round close" aria-label=${t('card.close')} @click=${() => this.close()}>${icon('close')}</button>
        <slot></slot>
      </div>
    </dialog>`;
  }

  static override styles = [shared, css`
    dialog {
      border: 0; padding: 0; margin: auto; width: min(680px, calc(100vw - 48px));
      max-width: none; max-height: min(860px, calc(100dvh - 64px)); border-radius: 24px;
      background: var(--ws-card); color: var(--ws-text); overflow: auto; overscroll-behavior: contain;
      box-shadow: 0 12px 48px rgb(0 0 0 / 40%);
    }
    dialog[open] { animation: rise .2s ease-out; }
    dialog::backdrop { background: rgb(0 0 0 / 55%); }
    .inside { position: relative; padding: 24px; min-height: 160px; }
    .close { position: absolute; inset-block-start: 12px; inset-inline-end: 12px; z-index: 3; }
    @keyframes rise { from { transform: translateY(16px); opacity: 0; } }
    @media (max-width: 600px) {
      dialog {
        margin: auto 0 0; width: 100vw; max-height: calc(100dvh - 40px);
        border-end-start-radius: 0; border-end-end-radius: 0;
      }
      .inside { padding: 20px 16px calc(20px + env(safe-area-inset-bottom)); }
      .close { inset-block-start: 8px; inset-inline-end: 8px; }
    }
  `];
}
