/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as T,b as W}from"./part-XTGR5J2A.js";import"./part-MHT6NLB4.js";import{b as S}from"./part-GC4CTBXF.js";import"./part-HZDFMT7T.js";import{a as C}from"./part-EHTQN2TL.js";import"./part-DGKIOJ55.js";import"./part-JXQHR3UF.js";import"./part-KK4QBCYA.js";import"./part-VEOD2X3I.js";import"./part-ROBQN4EY.js";import{a as b,b as _}from"./part-LNYL6AJM.js";import{C as k,a,c as w,d as n,g as h,i as u,j as g,k as f,m as x,n as y,q as v,v as $,w as o}from"./part-JP7ET3O6.js";var j=24,s=class extends u{constructor(){super();this.films=[];this.trouble="";this.whose="";new $(this),new C(this,()=>({hass:this.context.hass,whose:this.context.whose}),t=>this.hear(t))}disconnectedCallback(){super.disconnectedCallback(),clearTimeout(this.timer)}willUpdate(t){let e=JSON.stringify(this.context.whose);this.whose!==e&&(this.whose=e,this.films=[],this.read())}async read(){let t=this.whose;try{let e=await new y(this.context.hass).library(this.context.whose,{kinds:["movie"],state:"unwatched",sort:"year",descending:!0,limit:j});this.whose===t&&(this.films=e.works)}catch(e){if(!v(e))throw e;this.trouble=k(e)}}hear({works:t,reload:e}){this.films=this.films.map(r=>t?.[r.ref]??r).filter(({watched:r})=>r!==!0),(e||this.films.length<j/2)&&(clearTimeout(this.timer),this.timer=setTimeout(()=>{this.read()},500))}render(){let{view:t}=this.context;if(!t)return h;let{order:e,rows:r}=t.up_next,l=e.flatMap(i=>r[i]??[]),p=l.filter(({position:i})=>i>0),c=l.filter(({position:i})=>i===0),d=new Set(e),m=this.films.filter(({ref:i,position:L})=>!d.has(i)&&L===0);return n`
      ${T(t,this.context.hass.language)}
      ${this.renderShelf(o("up_next.continue"),p)}
      ${this.renderShelf(o("card.title_up_next"),c)}
      ${e.length?h:this.renderNothing()}
      ${this.trouble?n`<p class="bad">${this.trouble}</p>`:h}
      ${this.renderShelf(o("card.title_films"),m,n`<a class="pill"
        href=${S("library",{kind:"movie",state:"unwatched"})}>${o("up_next.all")}</a>`)}`}renderShelf(t,e,r=h){let{hass:l,person:p,view:c,who:d,whose:m}=this.context;return n`<section class=${e.length?"":"bare"} aria-label=${t}>
      <header><h2>${t}</h2>${r}</header>
      <ws-shelf .hass=${l} .whose=${m} .works=${e} .rows=${1} .label=${t}
        .others=${d.persons.filter(({key:i})=>i!==p)}
        .waiting=${Object.values(c?.waiting.rows??{})}></ws-shelf>
    </section>`}renderNothing(){let t=Object.values(this.context.view?.health.rows??{}).find(e=>e.loaded&&e.inventory!=="complete");return n`<p class="quiet">${b(t?"cloud":"check")}
      <span>${t?o("card.reading",{lane:t.lane}):o("card.nothing_up_next")}</span></p>`}};s.styles=[_,W,w`
    :host { display: block; --ws-poster: 164px; --ws-edge: 24px; }
    section + section { margin-block-start: 22px; }
    section.bare:not(:has(ws-shelf[busy])) { display: none; }
    header { display: flex; align-items: center; gap: 16px; min-height: 40px; margin-block-end: 8px; }
    h2 { margin: 0; font-size: 20px; line-height: 28px; font-weight: 600; letter-spacing: -.005em; }
    header .pill { min-height: 36px; }
    p.quiet { display: grid; justify-items: center; gap: 12px; padding: 8vh 16px; font-size: 16px; text-align: center; }
    p.quiet .icon { width: 40px; height: 40px; }
    @media (max-width: 870px) { :host { --ws-poster: 124px; --ws-edge: 16px; } }
  `],a([g({attribute:!1})],s.prototype,"context",2),a([f()],s.prototype,"films",2),a([f()],s.prototype,"trouble",2),s=a([x("ws-page-up-next")],s);export{s as UpNextPage};
