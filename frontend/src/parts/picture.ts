// A picture of a work in the shape of a poster; the title where there is none.
import { LitElement, css, html, nothing, type PropertyValues } from 'lit';
import { property, state } from 'lit/decorators.js';
import { define } from '../define.js';
import { sized } from '../api.js';
import { icon } from './icons.js';
import { shared } from './style.js';

@define('ws-picture')
export class Picture extends LitElement {
  @property() src: string | null = null;

  /** What stands there without a picture; empty where it is too small for words. */
  @property() label = '';

  @property({ type: Number }) width: 200 | 400 | 800 = 400;

  @state() private missing = false;

  @state() private there = false;

  /** Whether the usual size is shown: a browser may have that of a server that is away. */
  @state() private usual = false;

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('src')) {
      this.missing = false;
      this.usual = false;
      this.there = false;
    }
  }

  private failed(): void {
    if (this.width === 400 || this.usual) this.missing = true;
    else this.usual = true;
  }

  protected override render() {
    const has = this.src !== null && !this.missing;
    return html`
      ${this.there && has ? nothing : html`<span class="none" aria-hidden="true">
        ${icon('film')}${this.label ? html`<span class="title">${this.label}</span>` : nothing}</span>`}
      ${has ? html`<img alt="" loading="lazy" decoding="async" draggable="false"
        class=${this.there ? 'there' : ''} src=${sized(this.src as string, this.usual ? 400 : this.width)}
        @load=${() => { this.there = true; }} @error=${() => this.failed()}>` : nothing}`;
  }

  static override styles = [shared, css`
    :host {
      display: block; position: relative; overflow: hidden; aspect-ratio: 2 / 3;
      border-radius: var(--ws-round); background: var(--ws-faint);
    }
    img {
      position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover; opacity: 0;
      transition: opacity .25s;
    }
    img.there { opacity: 1; }
    .none {
      position: absolute; inset: 0; display: flex; flex-direction: column; gap: 8px;
      align-items: center; justify-content: center; padding: 8px; text-align: center;
      color: var(--ws-quiet); font-size: 12px; line-height: 1.3;
      background: linear-gradient(160deg, var(--ws-tint), var(--ws-faint));
    }
    .none .icon { width: 28px; height: 28px; opacity: .6; }
    .title { display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; }
  `];
}
