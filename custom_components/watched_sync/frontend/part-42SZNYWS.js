/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as E}from"./part-RD24UX4I.js";import{a as A}from"./part-2XUCR75X.js";import{a as _,b as T}from"./part-MJKTZGJW.js";import{a as j,b as B}from"./part-HPKEYAQL.js";import{e as D}from"./part-BDEEEBUB.js";import{a as u,b as k}from"./part-MOSS2EEM.js";import{A as W,B as y,D as S,E as w,a as l,c as x,d as r,g as c,i as b,j as m,k as g,m as v,n as M,q as H,r as z,v as $,w as a,y as P}from"./part-A6PSBI2K.js";function I(d){let q=d.sync_state==="failed"?"state.failed":d.watched?"state.watched":d.position>0?"state.in_progress":"state.unwatched";return[d.number,d.title,d.unaired?d.aired?a("work.airs",{day:y(d.aired)}):a("state.unaired"):a(q),d.sync_state==="pending"||d.sync_state==="syncing"?a("state.pending"):""].filter(Boolean).join(", ")}var U=d=>d.episode==null?"·":d.episode_end?`${d.episode}–${d.episode_end}`:String(d.episode),f=class extends b{constructor(){super();this.seasons=[];this.chosen="";new $(this)}move(e){let s=this.matches(":dir(rtl)"),i={ArrowRight:[0,s?-1:1],ArrowLeft:[0,s?1:-1],ArrowDown:[1,0],ArrowUp:[-1,0],Home:[0,-1e4],End:[0,1e4]}[e.key],o=e.target.closest("[data-ref]");if(!i||!o)return;e.preventDefault();let p=[...this.renderRoot.querySelectorAll(".squares")].map(L=>[...L.querySelectorAll("[data-ref]")]),n=p.findIndex(L=>L.includes(o)),C=p[Math.max(0,Math.min(p.length-1,n+i[0]))],R=(p[n]?.indexOf(o)??0)+i[1];C?.[Math.max(0,Math.min(C.length-1,R))]?.focus()}render(){let e=this.seasons.flatMap(({episodes:t})=>t.map(({ref:i})=>i)),s=e.includes(this.chosen)?this.chosen:e[0];return this.seasons.map(t=>{let i=t.episodes[0],o=t.season===null?a("work.no_season"):t.special?a("work.specials"):a("work.season",{number:t.season}),p=t.aired_episodes>0&&t.watched_episodes>=t.aired_episodes;return r`<section aria-label=${o}>
        <header>
          <h3>${o}</h3>
          <span class="quiet">${a("work.of",{count:t.watched_episodes,all:t.aired_episodes})}</span>
          ${i&&t.season!==null&&t.aired_episodes?r`<button
            class="season ${p?"on":""}" aria-pressed=${p?"true":"false"}
            aria-label=${a(p?"card.unmark":"card.mark",{title:o})}
            @click=${()=>z(this,"ws-season",{ref:i.ref,watched:!p})}><span>${u("check")}</span></button>`:c}
        </header>
        <div class="squares" role="group" aria-label=${o} @keydown=${this.move}>
          ${t.episodes.map(n=>r`<button data-ref=${n.ref}
            class="square ${n.watched?"watched":n.unaired?"unaired":""} ${n.sync_state}"
            tabindex=${n.ref===s?0:-1} aria-pressed=${n.ref===this.chosen?"true":"false"}
            title=${[n.number,n.title].filter(Boolean).join(" · ")}
            @click=${()=>z(this,"ws-episode",n)}>
            ${!n.watched&&T(n)>0?r`<span class="part"
              style=${_({inlineSize:`${Math.round(T(n)*100)}%`})}></span>`:c}
            <span class="number">${U(n)}</span><span class="unseen">: ${I(n)}</span>
            ${n.sync_state==="failed"?r`<span class="dot"></span>`:n.sync_state==="synced"?c:r`<span class="dot waits"></span>`}
          </button>`)}
        </div>
      </section>`})}};f.styles=[k,x`
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
  `],l([m({attribute:!1})],f.prototype,"seasons",2),l([m()],f.prototype,"chosen",2),f=l([v("ws-episodes")],f);var h=class extends b{constructor(){super();this.whose={};this.ref="";this.bare=!1;this.chosen="";this.trouble="";this.asked=0;this.notice=new A(this);new $(this),new E(this,()=>({hass:this.hass,whose:this.whose}),e=>this.hear(e))}disconnectedCallback(){super.disconnectedCallback(),clearTimeout(this.timer)}willUpdate(e){(e.has("ref")||e.has("whose")&&this.details)&&(this.details=void 0,this.show=void 0,this.chosen="",this.read())}hear(e){let s=[this.ref,this.details?.work.ref,this.details?.work.show_ref,this.show?.work.ref];(e.reload||s.some(i=>i!==void 0&&e.works?.[i]))&&(clearTimeout(this.timer),this.timer=setTimeout(()=>{this.read()},50))}async read(){let e=++this.asked,s=new M(this.hass),{ref:t}=this;try{let i=await s.item(this.whose,this.chosen||t),o=i.work.kind==="movie"?void 0:await s.show(this.whose,t);if(e!==this.asked)return;if(this.trouble="",this.show=o,!this.chosen&&o){let p=i.work.kind==="episode"?i.work:o.next;this.chosen=p?.ref??"",this.details=p&&p.ref!==i.work.ref?await s.item(this.whose,p.ref):i}else this.details=i}catch(i){if(!H(i))throw i;e===this.asked&&(this.trouble=W(i))}}choose(e){this.chosen=e.ref,this.position=void 0,this.read()}async change(e,s){await this.notice.change(this.hass,this.whose,e,s)&&(this.position=void 0,await this.read())}mark(e,s,t="item"){this.change(a(s?"notice.marked":"notice.unmarked"),(i,o)=>i.mark(this.whose,s,e.ref,{scope:t,...o}))}render(){if(this.trouble)return r`<p class="bad">${this.trouble}</p>`;let{details:e,show:s}=this;if(!e)return r`<div class="wait" role="status"><span class="unseen">${a("card.loading")}</span></div>`;let t=s?.work??e.work,i=this.look();return r`
      ${this.bare?c:r`<div class="head">
        <ws-picture .src=${t.picture} .label=${t.title}></ws-picture>
        <div class="names">
          <h2>${t.title}</h2>
          <span class="quiet">${[t.year,t.duration&&t.kind==="movie"?S(t.duration):"",s&&t.episodes?a("work.of",{count:t.watched_episodes??0,all:t.episodes}):""].filter(Boolean).join(" · ")}</span>
          ${this.renderSeen(e)}
        </div>
      </div>`}
      ${s?r`<ws-episodes .seasons=${s.seasons} .chosen=${this.chosen}
        @ws-episode=${o=>this.choose(o.detail)}
        @ws-season=${o=>{this.change(a(o.detail.watched?"notice.marked":"notice.unmarked"),(p,n)=>p.mark(this.whose,o.detail.watched,o.detail.ref,{scope:"season",...n}))}}></ws-episodes>`:c}
      ${i?this.renderLooked(i,s!==void 0):c}
      ${this.notice.render()}`}look(){let{details:e,show:s}=this;return s?s.seasons.flatMap(({episodes:i})=>i).find(({ref:i})=>i===this.chosen):e?.work}renderSeen(e){let s=(this.who?.persons??[]).filter(({key:t})=>e.household.some(i=>i.key===t&&i.watched===!0));return s.length===0?c:r`<div class="seen"><span class="quiet">${a("work.seen_by")}</span>
      ${s.map(t=>r`${j(t)}<span>${t.name}</span>`)}</div>`}renderLooked(e,s){let t=e.watched===!0;return r`<section class="looked" aria-live="polite">
      ${s?r`<h3>${[e.number,e.title].filter(Boolean).join(" · ")}</h3>
        <span class="quiet">${[e.aired?y(e.aired):"",e.duration?S(e.duration):""].filter(Boolean).join(" · ")}</span>`:c}
      ${e.unaired?r`<p class="quiet">${a("state.unaired")}</p>`:r`
        <div class="actions">
          <button class="pill ${t?"":"main"}" @click=${()=>this.mark(e,!t)}>
            ${u(t?"undo":"check")}${a(t?"work.unmark":"work.mark")}</button>
          ${s?r`<button class="pill" @click=${()=>this.mark(e,!0,"up_to")}>
            ${u("upTo")}${a("work.up_to")}</button>`:c}
        </div>
        ${this.renderPosition(e)}`}
      ${this.renderLanes(e)}
    </section>`}renderPosition(e){if(!e.duration||e.watched===!0)return c;let s=this.position??e.position,t=this.position!==void 0&&this.position!==e.position;return r`<div class="position">
      <label for="position">${a("work.position")}</label>
      <input id="position" type="range" min="0" max=${Math.floor(e.duration)} step="10" .value=${String(Math.round(s))}
        aria-valuetext=${w(s)}
        style=${_({"--ws-at":`${(100*s/e.duration).toFixed(1)}%`})}
        @input=${i=>{this.position=Number(i.target.value)}}>
      <span class="time">${w(s)}</span>
      <button class="pill" ?disabled=${!t} @click=${()=>{this.change(a("notice.position",{time:w(s)}),i=>i.setPosition(this.whose,e.ref,s))}}>${a("work.set")}</button>
    </div>`}renderLanes(e){let s=new Map(this.who?.lanes.map(t=>[t.config_entry_id,t.lane]));return r`<div class="lanes">
      ${e.lanes.length>1?r`<p class="agree ${e.agrees?"quiet":""}">
        ${u(e.agrees?"check":"differ")}${a(e.agrees?"work.agree":"work.differ")}</p>`:c}
      <ul>${e.lanes.map(t=>r`<li>
        <span class="line">${s.get(t.config_entry_id)??""}</span>
        ${this.renderLane(t)}
      </li>`)}</ul>
    </div>`}renderLane(e){let s=e.sync_state==="failed",t=e.sync_state==="pending"||e.sync_state==="syncing";return r`
      <span class="said ${e.watched?"yes":"quiet"}">${e.watched?u("check"):c}${e.watched?a("state.watched"):e.watched===null?a("state.unknown"):e.position>0?a("work.at",{time:w(e.position)}):a("state.unwatched")}</span>
      <span class="sync ${s?"bad":"quiet"}" title=${t?a("state.pending"):""}>
        ${s?r`${u("alert")}<span>${P(e.last_error??"")}</span>
          <button class="pill" @click=${()=>{D(this,()=>new M(this.hass).retry({config_entry_id:e.config_entry_id}),this.notice.say)}}>${u("retry")}${a("waiting.retry")}</button>`:t?r`${u("cloud")}<span>${a("state.pending")}</span>`:c}</span>`}};h.styles=[k,B,A.styles,x`
    :host { display: block; }
    .wait { min-height: 240px; }
    .head { display: flex; gap: 18px; margin-block-end: 16px; padding-inline-end: 36px; align-items: center; }
    .head ws-picture { width: 104px; flex: none; }
    .names { display: grid; gap: 6px; min-width: 0; font-size: 14px; }
    h2 { margin: 0; font-size: 24px; line-height: 30px; font-weight: 600; letter-spacing: -.01em; overflow-wrap: anywhere; }
    .seen { display: flex; align-items: center; gap: 8px; flex-wrap: wrap; font-size: 13px; }
    .seen .face { width: 24px; height: 24px; font-size: 10px; }
    .looked { margin-block-start: 20px; padding-block-start: 18px; border-block-start: 1px solid var(--ws-line); font-size: 14px; }
    h3 { margin: 0 0 2px; font-size: 17px; line-height: 24px; font-weight: 600; }
    .actions { display: flex; gap: 8px; flex-wrap: wrap; margin-block: 14px 6px; }
    .position { display: flex; align-items: center; gap: 12px; min-height: 52px; flex-wrap: wrap; }
    .position input {
      flex: 1; min-width: 120px; height: 44px; margin: 0; appearance: none; background: none; cursor: pointer;
      --ws-track: linear-gradient(var(--ws-accent) 0 0) 0 / var(--ws-at) 100% no-repeat,
        color-mix(in srgb, var(--ws-text) 22%, var(--ws-card));
    }
    .position input:dir(rtl) {
      --ws-track: linear-gradient(var(--ws-accent) 0 0) 100% / var(--ws-at) 100% no-repeat,
        color-mix(in srgb, var(--ws-text) 22%, var(--ws-card));
    }
    input::-webkit-slider-runnable-track { height: 6px; border-radius: 3px; background: var(--ws-track); }
    input::-moz-range-track { height: 6px; border-radius: 3px; background: var(--ws-track); }
    input::-webkit-slider-thumb {
      appearance: none; width: 20px; height: 20px; margin-block-start: -7px; border-radius: 50%;
      background: var(--ws-accent); border: 3px solid var(--ws-card); box-shadow: 0 0 0 1px var(--ws-accent);
    }
    input::-moz-range-thumb {
      width: 14px; height: 14px; border-radius: 50%; background: var(--ws-accent);
      border: 3px solid var(--ws-card); box-shadow: 0 0 0 1px var(--ws-accent);
    }
    .time { font-variant-numeric: tabular-nums; min-width: 52px; text-align: end; }
    .agree { display: flex; gap: 8px; align-items: center; margin: 12px 0 4px; }
    .lanes ul { list-style: none; margin: 0; padding: 0; }
    .lanes li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 2px 12px; padding: 8px 0; }
    .said { display: flex; gap: 6px; align-items: center; }
    .said .icon { color: #1b7a3d; }
    .sync { grid-column: 1 / -1; display: flex; gap: 8px; align-items: center; flex-wrap: wrap; font-size: 13px; }
    .sync:empty { display: none; }
  `],l([m({attribute:!1})],h.prototype,"hass",2),l([m({attribute:!1})],h.prototype,"whose",2),l([m({attribute:!1})],h.prototype,"who",2),l([m()],h.prototype,"ref",2),l([m({type:Boolean})],h.prototype,"bare",2),l([g()],h.prototype,"details",2),l([g()],h.prototype,"show",2),l([g()],h.prototype,"chosen",2),l([g()],h.prototype,"position",2),l([g()],h.prototype,"trouble",2),h=l([v("ws-work")],h);export{h as WorkView};
