/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as P,b as W,c as D}from"./part-S6XI5KL4.js";import{a as z}from"./part-7VXZ4IJI.js";import{a as j,b as S}from"./part-CAF2ST6V.js";import{e as B}from"./part-MGZGWVWM.js";import{a as m,b as k}from"./part-BEXR3Z6B.js";import{A as H,B as y,C as f,a as l,c as x,d as n,g as h,i as v,j as u,k as w,m as b,n as L,q as A,r as M,v as $,w as a,y as C}from"./part-SBIJS2AT.js";function N(d){let _=d.sync_state==="failed"?"state.failed":d.watched?"state.watched":d.position>0?"state.in_progress":"state.unwatched";return[d.number,d.title,d.unaired?d.aired?a("work.airs",{day:y(d.aired)}):a("state.unaired"):a(_),d.sync_state==="pending"||d.sync_state==="syncing"?a("state.pending"):""].filter(Boolean).join(", ")}var I=d=>d.episode==null?"·":d.episode_end?`${d.episode}–${d.episode_end}`:String(d.episode),g=class extends v{constructor(){super();this.seasons=[];this.chosen="";new $(this)}move(e){let s=this.matches(":dir(rtl)"),i={ArrowRight:[0,s?-1:1],ArrowLeft:[0,s?1:-1],ArrowDown:[1,0],ArrowUp:[-1,0],Home:[0,-1e4],End:[0,1e4]}[e.key],o=e.target.closest("[data-ref]");if(!i||!o)return;e.preventDefault();let p=[...this.renderRoot.querySelectorAll(".squares")].map(q=>[...q.querySelectorAll("[data-ref]")]),r=p.findIndex(q=>q.includes(o)),T=p[Math.max(0,Math.min(p.length-1,r+i[0]))],E=(p[r]?.indexOf(o)??0)+i[1];T?.[Math.max(0,Math.min(T.length-1,E))]?.focus()}render(){let e=this.seasons.flatMap(({episodes:t})=>t.map(({ref:i})=>i)),s=e.includes(this.chosen)?this.chosen:e[0];return this.seasons.map(t=>{let i=t.episodes[0],o=t.season===null?a("work.no_season"):t.special?a("work.specials"):a("work.season",{number:t.season}),p=t.aired_episodes>0&&t.watched_episodes>=t.aired_episodes;return n`<section aria-label=${o}>
        <header>
          <h3>${o}</h3>
          <span class="quiet">${a("work.of",{count:t.watched_episodes,all:t.aired_episodes})}</span>
          ${i&&t.season!==null&&t.aired_episodes?n`<button
            class="season ${p?"on":""}" aria-pressed=${p?"true":"false"}
            aria-label=${a(p?"card.unmark":"card.mark",{title:o})}
            @click=${()=>M(this,"ws-season",{ref:i.ref,watched:!p})}><span>${m("check")}</span></button>`:h}
        </header>
        <div class="squares" role="group" aria-label=${o} @keydown=${this.move}>
          ${t.episodes.map(r=>n`<button data-ref=${r.ref}
            class="square ${r.watched?"watched":r.unaired?"unaired":""} ${r.sync_state}"
            tabindex=${r.ref===s?0:-1} aria-pressed=${r.ref===this.chosen?"true":"false"}
            aria-label=${N(r)} title=${[r.number,r.title].filter(Boolean).join(" · ")}
            @click=${()=>M(this,"ws-episode",r)}>
            ${!r.watched&&S(r)>0?n`<span class="part"
              style=${j({inlineSize:`${Math.round(S(r)*100)}%`})}></span>`:h}
            <span class="number">${I(r)}</span>
            ${r.sync_state==="failed"?n`<span class="dot"></span>`:r.sync_state==="synced"?h:n`<span class="dot waits"></span>`}
          </button>`)}
        </div>
      </section>`})}};g.styles=[k,x`
    :host { display: block; }
    section + section { margin-block-start: 14px; }
    header { display: flex; align-items: center; gap: 10px; min-height: 44px; font-size: 13px; }
    h3 { margin: 0; font-size: 15px; font-weight: 600; }
    .season { margin-inline-start: auto; width: 44px; height: 44px; display: grid; place-items: center; border-radius: 50%; }
    .season span { display: grid; place-items: center; width: 28px; height: 28px; border-radius: 50%; border: 1.5px solid var(--ws-quiet); color: var(--ws-quiet); font-size: 13px; }
    .season:hover span { background: var(--ws-faint); }
    .season.on span { background: #1b7a3d; border-color: #1b7a3d; color: #fff; }
    .squares { display: grid; grid-template-columns: repeat(auto-fill, minmax(44px, 1fr)); gap: 6px; }
    .square {
      position: relative; min-width: 0; height: 44px; border-radius: 10px; overflow: hidden;
      background: var(--ws-faint); font-size: 14px; font-weight: 500; text-align: center;
    }
    .square:hover { background: color-mix(in srgb, var(--ws-text) 15%, var(--ws-card)); }
    .square .number { position: relative; }
    .watched { background: color-mix(in srgb, var(--ws-done) 34%, var(--ws-card)); }
    .watched:hover { background: color-mix(in srgb, var(--ws-done) 46%, var(--ws-card)); }
    .unaired { background: none; border: 1.5px dashed var(--ws-line); color: var(--ws-quiet); }
    .part { position: absolute; inset-block: 0; inset-inline-start: 0; background: color-mix(in srgb, var(--ws-accent) 38%, var(--ws-card)); }
    .square[aria-pressed='true'] { box-shadow: inset 0 0 0 2.5px var(--ws-text); }
    .dot { position: absolute; inset-block-start: 5px; inset-inline-end: 5px; width: 8px; height: 8px; border-radius: 50%; background: var(--ws-error); }
    .dot.waits { background: var(--ws-quiet); }
    .square:focus-visible { outline-offset: 1px; }
  `],l([u({attribute:!1})],g.prototype,"seasons",2),l([u()],g.prototype,"chosen",2),g=l([b("ws-episodes")],g);var c=class extends v{constructor(){super();this.whose={};this.ref="";this.bare=!1;this.chosen="";this.trouble="";this.asked=0;this.notice=new z(this);new $(this),new D(this,()=>({hass:this.hass,whose:this.whose}),e=>this.hear(e))}disconnectedCallback(){super.disconnectedCallback(),clearTimeout(this.timer)}willUpdate(e){(e.has("ref")||e.has("whose")&&this.details)&&(this.details=void 0,this.show=void 0,this.chosen="",this.read())}hear(e){let s=[this.ref,this.details?.work.ref,this.details?.work.show_ref,this.show?.work.ref];(e.reload||s.some(i=>i!==void 0&&e.works?.[i]))&&(clearTimeout(this.timer),this.timer=setTimeout(()=>{this.read()},50))}async read(){let e=++this.asked,s=new L(this.hass),{ref:t}=this;try{let i=await s.item(this.whose,this.chosen||t),o=i.work.kind==="movie"?void 0:await s.show(this.whose,t);if(e!==this.asked)return;if(this.trouble="",this.show=o,!this.chosen&&o){let p=i.work.kind==="episode"?i.work:o.next;this.chosen=p?.ref??"",this.details=p&&p.ref!==i.work.ref?await s.item(this.whose,p.ref):i}else this.details=i}catch(i){if(!A(i))throw i;e===this.asked&&(this.trouble=H(i))}}choose(e){this.chosen=e.ref,this.position=void 0,this.read()}async change(e,s){await this.notice.change(this.hass,this.whose,e,s)&&(this.position=void 0,await this.read())}mark(e,s,t="item"){this.change(a(s?"notice.marked":"notice.unmarked"),(i,o)=>i.mark(this.whose,s,e.ref,{scope:t,...o}))}render(){if(this.trouble)return n`<p class="bad">${this.trouble}</p>`;let{details:e,show:s}=this;if(!e)return n`<div class="wait" role="status"><span class="unseen">${a("card.loading")}</span></div>`;let t=s?.work??e.work,i=this.look();return n`
      ${this.bare?h:n`<div class="head">
        <ws-picture .src=${t.picture} .label=${t.title}></ws-picture>
        <div class="names">
          <h2>${t.title}</h2>
          <span class="quiet">${[t.year,t.duration&&t.kind==="movie"?f(t.duration):"",s&&t.episodes?a("work.of",{count:t.watched_episodes??0,all:t.episodes}):""].filter(Boolean).join(" · ")}</span>
          ${this.renderSeen(e)}
        </div>
      </div>`}
      ${s?n`<ws-episodes .seasons=${s.seasons} .chosen=${this.chosen}
        @ws-episode=${o=>this.choose(o.detail)}
        @ws-season=${o=>{this.change(a(o.detail.watched?"notice.marked":"notice.unmarked"),(p,r)=>p.mark(this.whose,o.detail.watched,o.detail.ref,{scope:"season",...r}))}}></ws-episodes>`:h}
      ${i?this.renderLooked(i,s!==void 0):h}
      ${this.notice.render()}`}look(){let{details:e,show:s}=this;return s?s.seasons.flatMap(({episodes:i})=>i).find(({ref:i})=>i===this.chosen):e?.work}renderSeen(e){let s=(this.who?.persons??[]).filter(({key:t})=>e.household.some(i=>i.key===t&&i.watched===!0));return s.length===0?h:n`<div class="seen"><span class="quiet">${a("work.seen_by")}</span>
      ${s.map(t=>n`${P(t)}<span>${t.name}</span>`)}</div>`}renderLooked(e,s){let t=e.watched===!0;return n`<section class="looked" aria-live="polite">
      ${s?n`<h3>${[e.number,e.title].filter(Boolean).join(" · ")}</h3>
        <span class="quiet">${[e.aired?y(e.aired):"",e.duration?f(e.duration):""].filter(Boolean).join(" · ")}</span>`:h}
      ${e.unaired?n`<p class="quiet">${a("state.unaired")}</p>`:n`
        <div class="actions">
          <button class="pill ${t?"":"main"}" @click=${()=>this.mark(e,!t)}>
            ${m(t?"undo":"check")}${a(t?"work.unmark":"work.mark")}</button>
          ${s?n`<button class="pill" @click=${()=>this.mark(e,!0,"up_to")}>
            ${m("upTo")}${a("work.up_to")}</button>`:h}
        </div>
        ${this.renderPosition(e)}`}
      ${this.renderLanes(e)}
    </section>`}renderPosition(e){if(!e.duration||e.watched===!0)return h;let s=this.position??e.position,t=this.position!==void 0&&this.position!==e.position;return n`<div class="position">
      <label for="position">${a("work.position")}</label>
      <input id="position" type="range" min="0" max=${Math.floor(e.duration)} step="10" .value=${String(Math.round(s))}
        aria-valuetext=${f(s)}
        @input=${i=>{this.position=Number(i.target.value)}}>
      <span class="time">${f(s)}</span>
      <button class="pill" ?disabled=${!t} @click=${()=>{this.change(a("notice.position",{time:f(s)}),i=>i.setPosition(this.whose,e.ref,s))}}>${a("work.set")}</button>
    </div>`}renderLanes(e){let s=new Map(this.who?.lanes.map(t=>[t.config_entry_id,t.lane]));return n`<div class="lanes">
      ${e.lanes.length>1?n`<p class="agree ${e.agrees?"quiet":""}">
        ${m(e.agrees?"check":"differ")}${a(e.agrees?"work.agree":"work.differ")}</p>`:h}
      <ul>${e.lanes.map(t=>n`<li>
        <span class="line">${s.get(t.config_entry_id)??""}</span>
        ${this.renderLane(t)}
      </li>`)}</ul>
    </div>`}renderLane(e){let s=e.sync_state==="failed",t=e.sync_state==="pending"||e.sync_state==="syncing";return n`
      <span class="said">${e.watched?a("state.watched"):e.watched===null?a("state.unknown"):e.position>0?a("work.at",{time:f(e.position)}):a("state.unwatched")}</span>
      <span class="sync ${s?"bad":"quiet"}" title=${t?a("state.pending"):""}>
        ${s?n`${m("alert")}<span>${C(e.last_error??"")}</span>
          <button class="pill" @click=${()=>{B(this,()=>new L(this.hass).retry({config_entry_id:e.config_entry_id}),this.notice.say)}}>${m("retry")}${a("waiting.retry")}</button>`:t?n`${m("cloud")}<span>${a("state.pending")}</span>`:h}</span>`}};c.styles=[k,W,z.styles,x`
    :host { display: block; }
    .wait { min-height: 240px; }
    .head { display: flex; gap: 18px; margin-block-end: 16px; padding-inline-end: 36px; align-items: end; }
    .head ws-picture { width: 104px; flex: none; }
    .names { display: grid; gap: 6px; min-width: 0; font-size: 14px; }
    h2 { margin: 0; font-size: 24px; line-height: 30px; font-weight: 600; letter-spacing: -.01em; overflow-wrap: anywhere; }
    .seen { display: flex; align-items: center; gap: 8px; flex-wrap: wrap; font-size: 13px; }
    .seen .face { width: 24px; height: 24px; font-size: 10px; }
    .looked { margin-block-start: 20px; padding-block-start: 18px; border-block-start: 1px solid var(--ws-line); font-size: 14px; }
    h3 { margin: 0 0 2px; font-size: 17px; line-height: 24px; font-weight: 600; }
    .actions { display: flex; gap: 8px; flex-wrap: wrap; margin-block: 14px 6px; }
    .position { display: flex; align-items: center; gap: 12px; min-height: 52px; flex-wrap: wrap; }
    .position input { flex: 1; min-width: 120px; height: 40px; accent-color: var(--ws-accent); }
    .time { font-variant-numeric: tabular-nums; min-width: 52px; text-align: end; }
    .agree { display: flex; gap: 8px; align-items: center; margin: 12px 0 4px; }
    .lanes ul { list-style: none; margin: 0; padding: 0; }
    .lanes li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 2px 12px; padding: 8px 0; }
    .said { text-align: end; }
    .sync { grid-column: 1 / -1; display: flex; gap: 8px; align-items: center; flex-wrap: wrap; font-size: 13px; }
    .sync:empty { display: none; }
  `],l([u({attribute:!1})],c.prototype,"hass",2),l([u({attribute:!1})],c.prototype,"whose",2),l([u({attribute:!1})],c.prototype,"who",2),l([u()],c.prototype,"ref",2),l([u({type:Boolean})],c.prototype,"bare",2),l([w()],c.prototype,"details",2),l([w()],c.prototype,"show",2),l([w()],c.prototype,"chosen",2),l([w()],c.prototype,"position",2),l([w()],c.prototype,"trouble",2),c=l([b("ws-work")],c);export{c as WorkView};
