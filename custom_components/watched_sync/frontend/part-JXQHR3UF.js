/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{b as m}from"./part-LNYL6AJM.js";import{a,c as s,d as i,g as p,i as d,j as o,m as c,r as l,v as f,w as h}from"./part-JP7ET3O6.js";var u=e=>e.split(/\s+/).slice(0,2).map(n=>[...n][0]??"").join("").toUpperCase(),g=e=>i`<span class="face" title=${e.name} aria-hidden="true">
  ${e.picture?i`<img alt="" src=${e.picture}>`:u(e.name)}</span>`,x=s`
  .face {
    display: grid; place-items: center; width: 32px; height: 32px; border-radius: 50%; flex: none;
    overflow: hidden; background: var(--ws-tint); font-size: 12px; font-weight: 600;
  }
  .face img { width: 100%; height: 100%; object-fit: cover; }
`,t=class extends d{constructor(){super();this.persons=[];this.chosen="";new f(this)}render(){return this.persons.length<2?p:i`<div role="group" aria-label=${h("card.whose")}>
      ${this.persons.map(r=>i`<button aria-pressed=${r.key===this.chosen?"true":"false"}
        @click=${()=>l(this,"ws-person",r.key)}>
        ${g(r)}<span class=${r.key===this.chosen?"name":"unseen"}>${r.name}</span>
      </button>`)}
    </div>`}};t.styles=[m,x,s`
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
  `],a([o({attribute:!1})],t.prototype,"persons",2),a([o()],t.prototype,"chosen",2),t=a([c("ws-persons")],t);export{g as a,x as b};
