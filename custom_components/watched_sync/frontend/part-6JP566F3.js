/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as n,b as m}from"./part-LNYL6AJM.js";import{a as i,c as e,d as r,i as t,j as a,l as s,m as d,r as l,v as c,w as p}from"./part-JP7ET3O6.js";var o=class extends t{constructor(){super();this.label="";new c(this)}firstUpdated(){this.dialog.showModal()}close(){this.dialog.close()}render(){return r`<dialog aria-label=${this.label} @close=${()=>l(this,"ws-close")}
      @click=${x=>{x.target===this.dialog&&this.close()}}>
      <div class="inside">
        <button class="round close" aria-label=${p("card.close")} @click=${()=>this.close()}>${n("close")}</button>
        <slot></slot>
      </div>
    </dialog>`}};o.styles=[m,e`
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
  `],i([a()],o.prototype,"label",2),i([s("dialog")],o.prototype,"dialog",2),o=i([d("ws-sheet")],o);
