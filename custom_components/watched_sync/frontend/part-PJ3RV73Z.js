/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{b as m}from"./part-OE7FYN2S.js";import{a,c as s,d as r,g as p,i as d,j as o,m as c,r as l,v as f,w as h}from"./part-L4HRYZOG.js";var u=e=>e.split(/\s+/).slice(0,2).map(n=>[...n][0]??"").join("").toUpperCase(),g=e=>r`<span class="face" title=${e.name} aria-hidden="true">
  ${e.picture?r`<img alt="" src=${e.picture}>`:u(e.name)}</span>`,x=s`
  .face {
    display: grid; place-items: center; width: 32px; height: 32px; border-radius: 50%; flex: none;
    overflow: hidden; background: var(--ws-tint); font-size: 12px; font-weight: 600;
  }
  .face img { width: 100%; height: 100%; object-fit: cover; }
`,t=class extends d{constructor(){super();this.persons=[];this.chosen="";new f(this)}render(){return this.persons.length<2?p:r`<div role="group" aria-label=${h("card.whose")}>
      ${this.persons.map(i=>r`<button aria-pressed=${i.key===this.chosen?"true":"false"}
        @click=${()=>l(this,"ws-person",i.key)}>
        ${g(i)}<span class=${i.key===this.chosen?"name":"unseen"}>${i.name}</span>
      </button>`)}
    </div>`}};t.styles=[m,x,s`
    :host { display: block; }
    div { display: flex; gap: 4px; flex-wrap: wrap; }
    button {
      display: flex; align-items: center; gap: 8px; height: 40px; min-width: 40px; padding: 4px;
      border-radius: 20px; font-size: 14px; font-weight: 500;
    }
    button[aria-pressed='true'] { background: var(--ws-tint); padding-inline-end: 14px; }
    button[aria-pressed='false'] .face { opacity: .75; }
    button:hover .face { opacity: 1; }
  `],a([o({attribute:!1})],t.prototype,"persons",2),a([o()],t.prototype,"chosen",2),t=a([c("ws-persons")],t);export{g as a,x as b};
