// A question that has to be answered before something large is done.
import { LitElement, css, html } from 'lit';
import { property, query } from 'lit/decorators.js';
import { define } from '../define.js';
import { t } from '../words.js';
import { shared } from './style.js';

@define('ws-ask')
class Ask extends LitElement {
  @property() text = '';

  @property() yes = '';

  @query('dialog') private dialog!: HTMLDialogElement;

  answer: (given: boolean) => void = () => undefined;

  protected override firstUpdated(): void {
    this.dialog.showModal();
  }

  protected override render() {
    return html`<dialog role="alertdialog" aria-describedby="text" aria-label=${t('ask.title')}
      @close=${() => this.answer(this.dialog.returnValue === 'yes')}>
      <p id="text">${this.text}</p>
      <form method="dialog">
        <button class="pill" value="no">${t('ask.cancel')}</button>
        <button class="pill main" value="yes">${this.yes}</button>
      </form>
    </dialog>`;
  }

  static override styles = [shared, css`
    dialog {
      border: 0; border-radius: 20px; padding: 24px; max-width: min(420px, calc(100vw - 32px));
      background: var(--ws-card); color: var(--ws-text); font-size: 16px; line-height: 1.5;
    }
    dialog::backdrop { background: rgb(0 0 0 / 50%); }
    p { margin: 0 0 20px; }
    form { display: flex; justify-content: flex-end; gap: 8px; flex-wrap: wrap; }
  `];
}

/** Ask, above everything else; whether the answer was *yes*. */
export function ask(near: HTMLElement, text: string, yes: string): Promise<boolean> {
  return new Promise((resolve) => {
    const element = document.createElement('ws-ask') as Ask;
    element.text = text;
    element.yes = yes;
    element.answer = (given) => {
      element.remove();
      resolve(given);
    };
    // Beside what asks, so that it stands in the same theme.
    (near.shadowRoot ?? document.body).append(element);
  });
}
