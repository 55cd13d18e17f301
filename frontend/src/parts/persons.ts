// Faces: to choose whose films and shows are shown, and to say who has seen one.
import { LitElement, css, html, nothing } from 'lit';
import { property } from 'lit/decorators.js';
import { define } from '../define.js';
import type { Person } from '../api.js';
import { tell } from '../hass.js';
import { WordsController, t } from '../words.js';
import { shared } from './style.js';

const initials = (name: string): string => name.split(/\s+/).slice(0, 2)
  .map((part) => [...part][0] ?? '').join('').toUpperCase();

/** One face: the picture of the person, or the initials. */
export const face = (person: Person) => html`<span class="face" title=${person.name} aria-hidden="true">
  ${person.picture ? html`<img alt="" src=${person.picture}>` : initials(person.name)}</span>`;

export const faceStyle = css`
  .face {
    display: grid; place-items: center; width: 32px; height: 32px; border-radius: 50%; flex: none;
    overflow: hidden; background: var(--ws-tint); font-size: 12px; font-weight: 600;
  }
  .face img { width: 100%; height: 100%; object-fit: cover; }
`;

@define('ws-persons')
export class Persons extends LitElement {
  @property({ attribute: false }) persons: readonly Person[] = [];

  @property() chosen = '';

  constructor() {
    super();
    new WordsController(this);
  }

  protected override render() {
    if (this.persons.length < 2) return nothing;
    return html`<div role="group" aria-label=${t('card.whose')}>
      ${this.persons.map((person) => html`<button aria-pressed=${person.key === this.chosen ? 'true' : 'false'}
        @click=${() => tell(this, 'ws-person', person.key)}>
        ${face(person)}<span class=${person.key === this.chosen ? 'name' : 'unseen'}>${person.name}</span>
      </button>`)}
    </div>`;
  }

  static override styles = [shared, faceStyle, css`
    :host { display: block; }
    div { display: flex; gap: 4px; flex-wrap: wrap; }
    button {
      display: flex; align-items: center; gap: 8px; height: 40px; min-width: 40px; padding: 4px;
      border-radius: 20px; font-size: 14px; font-weight: 500;
    }
    button[aria-pressed='true'] { background: var(--ws-tint); padding-inline-end: 14px; }
    button[aria-pressed='true'] .face { background: var(--ws-card); }
    button[aria-pressed='false'] .face { opacity: .75; }
    button:hover .face { opacity: 1; }
  `];
}
