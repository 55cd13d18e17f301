/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import"./part-G435QYWN.js";import"./part-MJKTZGJW.js";import"./part-HPKEYAQL.js";import"./part-HWSFG2I6.js";import"./part-BDEEEBUB.js";import{a as m,b as f}from"./part-MOSS2EEM.js";import{a as i,c as l,d as n,g as p,i as c,j as d,m as h,v as w,w as o}from"./part-A6PSBI2K.js";var e=class extends c{constructor(){super(),new w(this)}render(){let{hass:x,person:u,view:r,who:g,whose:$}=this.context;if(!r)return p;let{order:a,rows:v}=r.up_next,s=Object.values(r.health.rows).find(t=>t.loaded&&t.inventory!=="complete");return n`
      <ws-shelf .hass=${x} .whose=${$} .works=${a.flatMap(t=>v[t]??[])}
        .others=${g.persons.filter(({key:t})=>t!==u)}
        .waiting=${Object.values(r.waiting.rows)} .label=${o("card.title_up_next")}></ws-shelf>
      ${a.length?p:n`<p class="quiet">${m(s?"cloud":"check")}
        <span>${s?o("card.reading",{lane:s.lane}):o("card.nothing_up_next")}</span></p>`}`}};e.styles=[f,l`
    :host { display: block; --ws-poster: 140px; }
    p { display: grid; justify-items: center; gap: 12px; padding: 15vh 16px; font-size: 16px; text-align: center; }
    p .icon { width: 40px; height: 40px; }
    @media (max-width: 600px) { :host { --ws-poster: 100px; } }
  `],i([d({attribute:!1})],e.prototype,"context",2),e=i([h("ws-page-up-next")],e);export{e as UpNextPage};
