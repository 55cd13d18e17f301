/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import"./part-DNWHQP4I.js";import"./part-CAF2ST6V.js";import"./part-TUSRDHA6.js";import"./part-MGZGWVWM.js";import{a as m,b as f}from"./part-BEXR3Z6B.js";import{a as i,c,d as n,g as p,i as d,j as l,m as h,v as w,w as o}from"./part-SBIJS2AT.js";var t=class extends d{constructor(){super(),new w(this)}render(){let{hass:x,view:e,whose:u}=this.context;if(!e)return p;let{order:a,rows:g}=e.up_next,s=Object.values(e.health.rows).find(r=>r.loaded&&r.inventory!=="complete");return n`
      <ws-shelf .hass=${x} .whose=${u} .works=${a.flatMap(r=>g[r]??[])}
        .waiting=${Object.values(e.waiting.rows)} .label=${o("card.title_up_next")}></ws-shelf>
      ${a.length?p:n`<p class="quiet">${m(s?"cloud":"check")}
        <span>${s?o("card.reading",{lane:s.lane}):o("card.nothing_up_next")}</span></p>`}`}};t.styles=[f,c`
    :host { display: block; --ws-poster: 140px; }
    p { display: grid; justify-items: center; gap: 12px; padding: 15vh 16px; font-size: 16px; text-align: center; }
    p .icon { width: 40px; height: 40px; }
    @media (max-width: 600px) { :host { --ws-poster: 100px; } }
  `],i([l({attribute:!1})],t.prototype,"context",2),t=i([h("ws-page-up-next")],t);export{t as UpNextPage};
