/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import"./part-6JP566F3.js";import{b as N}from"./part-QKE5M66S.js";import"./part-MHT6NLB4.js";import"./part-HZDFMT7T.js";import{a as I}from"./part-EHTQN2TL.js";import{a as y,b as j,f as T,g as L,h as H}from"./part-DGKIOJ55.js";import"./part-JXQHR3UF.js";import"./part-KK4QBCYA.js";import"./part-VEOD2X3I.js";import"./part-ROBQN4EY.js";import{a as d,b as R}from"./part-LNYL6AJM.js";import{B as P,C as g,a as h,b as u,c as x,d as s,g as l,i as k,j as _,k as p,m,n as O,q as b,t as C,u as E,v as W,w as o,x as $}from"./part-JP7ET3O6.js";var F=60,n=class extends k{constructor(){super();this.person="";this.opened="";this.showsWaiting=!1;this.trouble="";this.language="";this.filmsOf="";this.follow=new I(this,()=>this.hass&&this.who?{hass:this.hass,whose:this.whose}:void 0,t=>this.hear(t));new W(this)}static async getConfigElement(){return await import("./part-4QKFZOFO.js"),document.createElement("watched-sync-card-editor")}static getStubConfig(){return{}}setConfig(t){let e=this.config;this.config=N(t),e&&e.what!==t.what&&(this.filmsOf=""),this.who&&(this.person=y(this.who,t.person))}getCardSize(){return this.what==="show"?6:2+4*this.rows}getGridOptions(){return{columns:12,min_columns:6}}get what(){return this.config?.what??"up_next"}get rows(){return this.config?.rows??1}get whose(){return this.who?j(this.who,this.person):{}}disconnectedCallback(){super.disconnectedCallback(),clearTimeout(this.timer),this.language="",this.opened="",this.showsWaiting=!1}willUpdate(t){let{hass:e}=this;if(e&&(this.language!==e.language&&(this.language=e.language,this.begin(e)),t.has("person")&&t.get("person")&&(this.opened=""),this.who&&this.what==="films")){let i=JSON.stringify(this.whose);this.filmsOf!==i&&(this.filmsOf=i,this.films=void 0,this.readFilms())}}async begin(t){try{this.who=await L(t),this.person=y(this.who,this.config?.person??(this.person||void 0)),this.trouble=""}catch(e){if(!b(e))throw e;this.trouble=g(e),this.timer=setTimeout(()=>{this.begin(t)},5e3)}}async readFilms(){if(!this.hass)return;let t=this.filmsOf;try{let e=await new O(this.hass).library(this.whose,{kinds:["movie"],state:"unwatched",limit:F});t===this.filmsOf&&(this.films=e.works)}catch(e){if(!b(e))throw e;this.trouble=g(e)}}hear({works:t,reload:e}){if(e&&this.follow.view&&this.hass&&T(this.hass).then(r=>{this.who=r},()=>{}),this.what!=="films"||!this.films)return;let i=new Set(this.films.map(({ref:r})=>r)),a=Object.values(t??{}).some(r=>r.kind==="movie"&&r.watched===!1&&!i.has(r.ref));this.films=this.films.map(r=>t?.[r.ref]??r).filter(({watched:r})=>r!==!0),(e||a)&&(clearTimeout(this.timer),this.timer=setTimeout(()=>{this.readFilms()},500))}render(){return this.config?s`<ha-card @ws-open=${t=>{this.open(t.detail.ref)}}>
      ${this.trouble?s`<p class="empty">${d("alert")}<span>${this.trouble}</span></p>`:E()&&this.who?this.renderAll():this.renderSkeleton()}
    </ha-card>
    ${this.renderSheets()}`:l}async open(t){await import("./part-4PHTY6XF.js"),this.opened=t}async openWaiting(){await import("./part-COYCXSFD.js"),this.showsWaiting=!0}renderAll(){return s`${this.renderOutdated()}<div class="head">
        ${this.config?.title!==void 0||this.what!=="show"?s`<h2>${this.config?.title??o(`card.title_${this.what}`)}</h2>`:l}
        ${this.renderWaiting()}
        ${this.config?.person?l:s`<ws-persons .persons=${this.who?.persons??[]} .chosen=${this.person}
          @ws-person=${t=>{this.person=t.detail}}></ws-persons>`}
      </div>
      ${this.renderBody()}`}renderOutdated(){return!this.who||!H(this.who,import.meta.url)?l:s`<p class="outdated" role="status"><span>${o("panel.outdated")}</span>
      <button class="pill" @click=${()=>location.reload()}>${o("panel.reload")}</button></p>`}renderWaiting(){let t=this.follow.view?.waiting,e=this.laneInTrouble();if(!t||t.pending+t.failed===0&&!e)return l;let i=t.failed>0?$("card.failed",t.failed):e??$("card.waiting",t.pending);return s`<button class="chip ${t.failed||e?"alarm":""}" aria-haspopup="dialog"
      aria-label=${`${i}: ${o("card.show_waiting")}`} @click=${()=>{this.openWaiting()}}>
      ${d(t.failed||e?"alert":"cloud")}<span>${i}</span></button>`}laneInTrouble(){let t=Object.values(this.follow.view?.health.rows??{}).find(e=>e.status==="auth_required");return t&&`${t.lane}: ${P("auth_required")}`}renderBody(){if(!this.hass)return l;if(this.what==="show")return this.config?.show?(import("./part-4PHTY6XF.js"),s`<ws-work .hass=${this.hass} .whose=${this.whose} .who=${this.who}
        .ref=${this.config.show}></ws-work>`):s`<p class="empty">${d("film")}<span>${o("card.no_show")}</span></p>`;let{view:t,error:e}=this.follow;if(e)return s`<p class="empty">${d("alert")}<span>${g(e)}</span></p>`;let i=this.what==="films"?this.films:t?.up_next.order.flatMap(f=>t.up_next.rows[f]??[]);if(!t||!i)return this.renderSkeleton();let a=this.config?.look??"posters",r=Object.values(t.waiting.rows);return s`<ws-shelf .hass=${this.hass} .whose=${this.whose} .waiting=${r}
        .works=${a==="list"?i.slice(0,this.rows*5):i} .look=${a} .rows=${this.rows}
        .others=${this.who?.persons.filter(({key:f})=>f!==this.person)??[]}
        .label=${o(`card.title_${this.what}`)}></ws-shelf>
      ${i.length===0?this.renderNothing():l}`}renderNothing(){let t=Object.values(this.follow.view?.health.rows??{}).find(e=>e.loaded&&e.inventory!=="complete");return s`<p class="empty">${d(t?"cloud":"check")}<span>${t?o("card.reading",{lane:t.lane}):o(this.what==="films"?"card.nothing_films":"card.nothing_up_next")}</span></p>`}renderSkeleton(){let t=this.what==="show"?0:8;return s`<div class="skeleton" aria-hidden="true">
      ${Array.from({length:t},()=>s`<span></span>`)}</div>`}renderSheets(){if(!this.hass)return l;let{view:t}=this.follow;if(this.opened)return s`<ws-sheet .label=${o("card.details")} @ws-close=${()=>{this.opened=""}}>
        <ws-work .hass=${this.hass} .whose=${this.whose} .who=${this.who} .ref=${this.opened}></ws-work>
      </ws-sheet>`;if(this.showsWaiting&&t){let{order:e,rows:i,pending:a,failed:r}=t.waiting;return s`<ws-sheet .label=${o("waiting.title")} @ws-close=${()=>{this.showsWaiting=!1}}>
        <h2>${o("waiting.title")}</h2>
        <ws-waiting .hass=${this.hass} .whose=${this.whose} .total=${a+r}
          .rows=${e.flatMap(f=>i[f]??[])}></ws-waiting>
      </ws-sheet>`}return l}};n.styles=[R,x`
    :host { display: block; }
    ha-card { --ws-edge: 16px; padding: 12px 16px 14px; overflow: hidden; height: 100%; }
    .head { display: flex; align-items: center; gap: 8px 12px; flex-wrap: wrap; min-height: 40px; margin-block-end: 10px; }
    h2 { margin: 0; font-size: 18px; line-height: 26px; font-weight: 600; letter-spacing: -.005em; }
    ws-persons { margin-inline-start: auto; }
    .outdated {
      display: flex; align-items: center; gap: 12px; margin: 0 0 10px; padding-block: 8px; padding-inline: 14px 8px;
      border-radius: var(--ws-round); font-size: 14px;
      background: color-mix(in srgb, var(--warning-color, #ffa600) 18%, var(--ws-card));
    }
    .outdated .pill { margin-inline-start: auto; }
    .chip {
      display: inline-flex; align-items: center; gap: 8px; min-height: 32px; padding: 0 12px; border-radius: 16px;
      background: var(--ws-faint); font-size: 13px; position: relative;
    }
    .chip::before { content: ''; position: absolute; inset: -6px 0; }
    .chip:hover { background: color-mix(in srgb, var(--ws-text) 13%, var(--ws-card)); }
    .chip.alarm { background: color-mix(in srgb, var(--ws-error) 18%, var(--ws-card)); }
    .empty { display: flex; flex-direction: column; align-items: center; gap: 10px; margin: 0; padding: 28px 16px 36px; text-align: center; color: var(--ws-quiet); font-size: 15px; }
    .empty .icon { width: 32px; height: 32px; opacity: .7; }
    .skeleton { display: grid; gap: 14px; grid-auto-flow: column; grid-auto-columns: clamp(104px, 27%, 148px); overflow: hidden; }
    .skeleton span { aspect-ratio: 2 / 3; border-radius: var(--ws-round); background: var(--ws-faint); animation: breathe 1.4s ease-in-out infinite alternate; }
    @keyframes breathe { to { opacity: .5; } }
    ws-sheet h2 { font-size: 22px; margin-block-end: 8px; }
  `],h([_({attribute:!1})],n.prototype,"hass",2),h([p()],n.prototype,"config",2),h([p()],n.prototype,"who",2),h([p()],n.prototype,"person",2),h([p()],n.prototype,"films",2),h([p()],n.prototype,"opened",2),h([p()],n.prototype,"showsWaiting",2),h([p()],n.prototype,"trouble",2),n=h([m("watched-sync-card")],n);var v=class extends HTMLElement{static async generate(w,t){await C(t);let e=a=>({type:"custom:watched-sync-card",...a}),i=(...a)=>({type:"grid",column_span:4,cards:a});return{title:o("panel.title"),views:[{title:o("panel.title"),path:"watched",icon:"mdi:eye-check-outline",type:"sections",max_columns:4,sections:[i(e({rows:2,grid_options:{columns:"full"}})),i(e({what:"films",grid_options:{columns:"full"}}))]}]}}};var z="Watched Sync",M="https://github.com/watched-sync/watched-sync#readme";function A(c){let w=document.documentElement.lang.split("-")[0]??"";return(u[w]??u.en)?.[c]??""}m("ll-strategy-dashboard-watched-sync")(v);var S=window;(S.customCards??=[]).push({type:"watched-sync-card",name:z,get description(){return A("card")},preview:!0,documentationURL:M,getEntitySuggestion:(c,w)=>c.entities?.[w]?.platform==="watched_sync"?{config:{type:"custom:watched-sync-card"}}:null});(S.customStrategies??=[]).push({type:"watched-sync",strategyType:"dashboard",name:z,get description(){return A("dashboard")},documentationURL:M});
