/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as q,b as P}from"./part-HZDFMT7T.js";import{a as I}from"./part-EHTQN2TL.js";import{c as E,d as R}from"./part-DGKIOJ55.js";import{a as C}from"./part-U3HZA3XH.js";import{a as A,b as B}from"./part-JXQHR3UF.js";import"./part-VEOD2X3I.js";import{c as D}from"./part-ROBQN4EY.js";import{a as m,b as _}from"./part-LNYL6AJM.js";import{C as j,I as k,K as T,L as x,a as c,c as b,d as n,g as p,i as v,j as f,k as w,m as $,n as M,q as W,r as S,v as y,w as r,y as H}from"./part-JP7ET3O6.js";function O(l){let L=l.sync_state==="failed"?"state.failed":l.watched?"state.watched":l.position>0?"state.in_progress":"state.unwatched";return[l.number,l.title,l.unaired?l.aired?r("work.airs",{day:k(l.aired)}):r("state.unaired"):r(L),l.sync_state==="pending"||l.sync_state==="syncing"?r("state.pending"):""].filter(Boolean).join(", ")}var U=l=>l.episode==null?"·":l.episode_end?`${l.episode}–${l.episode_end}`:String(l.episode),g=class extends v{constructor(){super();this.seasons=[];this.chosen="";new y(this)}move(e){let s=this.matches(":dir(rtl)"),i={ArrowRight:[0,s?-1:1],ArrowLeft:[0,s?1:-1],ArrowDown:[1,0],ArrowUp:[-1,0],Home:[0,-1e4],End:[0,1e4]}[e.key],o=e.target.closest("[data-ref]");if(!i||!o)return;e.preventDefault();let d=[...this.renderRoot.querySelectorAll(".squares")].map(z=>[...z.querySelectorAll("[data-ref]")]),a=d.findIndex(z=>z.includes(o)),u=d[Math.max(0,Math.min(d.length-1,a+i[0]))],N=(d[a]?.indexOf(o)??0)+i[1];u?.[Math.max(0,Math.min(u.length-1,N))]?.focus()}render(){let e=this.seasons.flatMap(({episodes:t})=>t.map(({ref:i})=>i)),s=e.includes(this.chosen)?this.chosen:e[0];return this.seasons.map(t=>{let i=t.episodes[0],o=t.season===null?r("work.no_season"):t.special?r("work.specials"):r("work.season",{number:t.season}),d=t.aired_episodes>0&&t.watched_episodes>=t.aired_episodes;return n`<section aria-label=${o}>
        <header>
          <h3>${o}</h3>
          <span class="quiet">${r("work.of",{count:t.watched_episodes,all:t.aired_episodes})}</span>
          ${i&&t.season!==null&&t.aired_episodes?n`<button
            class="season ${d?"on":""}" aria-pressed=${d?"true":"false"}
            aria-label=${r(d?"card.unmark":"card.mark",{title:o})}
            @click=${()=>S(this,"ws-season",{ref:i.ref,watched:!d})}><span>${m("check")}</span></button>`:p}
        </header>
        <div class="squares" role="group" aria-label=${o} @keydown=${this.move}>
          ${t.episodes.map(a=>n`<button data-ref=${a.ref}
            class="square ${a.watched?"watched":a.unaired?"unaired":""} ${a.sync_state}"
            tabindex=${a.ref===s?0:-1} aria-pressed=${a.ref===this.chosen?"true":"false"}
            title=${[a.number,a.title].filter(Boolean).join(" · ")}
            @click=${()=>S(this,"ws-episode",a)}>
            ${!a.watched&&P(a)>0?n`<span class="part"
              style=${q({inlineSize:`${Math.round(P(a)*100)}%`})}></span>`:p}
            <span class="number">${U(a)}</span><span class="unseen">: ${O(a)}</span>
            ${a.sync_state==="failed"?n`<span class="dot"></span>`:a.sync_state==="synced"?p:n`<span class="dot waits"></span>`}
          </button>`)}
        </div>
      </section>`})}};g.styles=[_,b`
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
  `],c([f({attribute:!1})],g.prototype,"seasons",2),c([f()],g.prototype,"chosen",2),g=c([$("ws-episodes")],g);var h=class extends v{constructor(){super();this.whose={};this.ref="";this.bare=!1;this.chosen="";this.trouble="";this.asked=0;this.notice=new C(this);this.settled=()=>{this.position=void 0,this.read()};new y(this),new I(this,()=>({hass:this.hass,whose:this.whose}),e=>this.hear(e))}disconnectedCallback(){super.disconnectedCallback(),clearTimeout(this.timer)}willUpdate(e){(e.has("ref")||e.has("whose")&&this.details)&&(this.details=void 0,this.show=void 0,this.chosen="",this.read())}hear(e){let s=[this.ref,this.details?.work.ref,this.details?.work.show_ref,this.show?.work.ref];(e.reload||s.some(i=>i!==void 0&&e.works?.[i]))&&(clearTimeout(this.timer),this.timer=setTimeout(()=>{this.read()},50))}async read(){let e=++this.asked,s=new M(this.hass),{ref:t}=this;try{let i=await s.item(this.whose,this.chosen||t),o=i.work.kind==="movie"?void 0:await s.show(this.whose,t);if(e!==this.asked)return;if(this.trouble="",this.show=o,!this.chosen&&o){let d=i.work.kind==="episode"?i.work:o.next;this.chosen=d?.ref??"",this.details=d&&d.ref!==i.work.ref?await s.item(this.whose,d.ref):i}else this.details=i}catch(i){if(!W(i))throw i;e===this.asked&&(this.trouble=j(i))}}choose(e){this.chosen=e.ref,this.position=void 0,this.read()}async change(e,s){await this.notice.change(this.hass,this.whose,e,s,this.settled)}mark(e,s,t="item"){this.change(r(s?"notice.marked":"notice.unmarked"),(i,o)=>i.mark(this.whose,s,e.ref,{scope:t,...o}))}render(){if(this.trouble)return n`<p class="bad">${this.trouble}</p>`;let{details:e,show:s}=this;if(!e)return n`<div class="wait" role="status"><span class="unseen">${r("card.loading")}</span></div>`;let t=s?.work??e.work,i=this.look();return n`
      ${this.bare?p:n`<div class="head">
        <ws-picture .src=${t.picture} .label=${t.title}></ws-picture>
        <div class="names">
          <h2>${t.title}</h2>
          <span class="quiet">${[t.year,t.duration&&t.kind==="movie"?T(t.duration):"",s&&t.episodes?r("work.of",{count:t.watched_episodes??0,all:t.episodes}):""].filter(Boolean).join(" · ")}</span>
          ${this.renderSeen(e)}
        </div>
      </div>`}
      ${s?n`<ws-episodes .seasons=${s.seasons} .chosen=${this.chosen}
        @ws-episode=${o=>this.choose(o.detail)}
        @ws-season=${o=>{this.change(r(o.detail.watched?"notice.marked":"notice.unmarked"),(d,a)=>d.mark(this.whose,o.detail.watched,o.detail.ref,{scope:"season",...a}))}}></ws-episodes>`:p}
      ${i?this.renderLooked(i,s!==void 0):p}
      ${this.notice.render()}`}look(){let{details:e,show:s}=this;return s?s.seasons.flatMap(({episodes:i})=>i).find(({ref:i})=>i===this.chosen):e?.work}renderSeen(e){let s=(this.who?.persons??[]).filter(({key:t})=>e.household.some(i=>i.key===t&&i.watched===!0));return s.length===0?p:n`<div class="seen"><span class="quiet">${r("work.seen_by")}</span>
      ${s.map(t=>n`${A(t)}<span>${t.name}</span>`)}</div>`}renderLooked(e,s){let t=e.watched===!0;return n`<section class="looked" aria-live="polite">
      ${s?n`<h3>${[e.number,e.title].filter(Boolean).join(" · ")}</h3>
        <span class="quiet">${[e.aired?k(e.aired):"",e.duration?T(e.duration):""].filter(Boolean).join(" · ")}</span>`:p}
      ${e.unaired?n`<p class="quiet">${r("state.unaired")}</p>`:n`
        <div class="actions">
          <button class="pill ${t?"":"main"}" @click=${()=>this.mark(e,!t)}>
            ${m(t?"undo":"check")}${r(t?"work.unmark":"work.mark")}</button>
          ${s?n`<button class="pill" @click=${()=>this.mark(e,!0,"up_to")}>
            ${m("upTo")}${r("work.up_to")}</button>`:p}
        </div>
        ${this.renderTogether(e)}
        ${this.renderPosition(e)}`}
      ${this.renderLanes(e)}
    </section>`}renderTogether(e){let{details:s,who:t}=this;if(!s||!t)return p;let i=R(t,this.whose),o=t.persons.filter(({key:a})=>!i.includes(a)&&!(e.watched===!0&&s.household.some(u=>u.key===a&&u.watched===!0)));if(i.length===0||o.length===0)return p;let d=(a,u)=>n`<button class="pill with"
      aria-label=${r("work.together_with",{name:u})} @click=${()=>{this.together(e,i,a)}}>
      ${a.length===1?a.map(A):p}<span>${u}</span></button>`;return n`<div class="together" role="group" aria-label=${r("work.together")}>
      <span class="quiet">${r("work.together")}</span>
      ${o.map(a=>d([a],a.name))}
      ${o.length>1?d(o,r("work.everyone")):p}
    </div>`}async together(e,s,t){if(!this.who)return;let i=E(this.who,[...s,...t.map(({key:a})=>a)]),o=r("work.together_with",{name:new Intl.ListFormat(this.hass.language).format(t.map(({name:a})=>a))}),d=(a,u)=>a.mark(i,!0,e.ref,u);await this.notice.change(this.hass,i,o,d,this.settled)}renderPosition(e){if(!e.duration||e.watched===!0)return p;let s=this.position??e.position,t=this.position!==void 0&&this.position!==e.position;return n`<div class="position">
      <label for="position">${r("work.position")}</label>
      <input id="position" type="range" min="0" max=${Math.floor(e.duration)} step="10" .value=${String(Math.round(s))}
        aria-valuetext=${x(s)}
        style=${q({"--ws-at":`${(100*s/e.duration).toFixed(1)}%`})}
        @input=${i=>{this.position=Number(i.target.value)}}>
      <span class="time">${x(s)}</span>
      <button class="pill" ?disabled=${!t} @click=${()=>{this.change(r("notice.position",{time:x(s)}),i=>i.setPosition(this.whose,e.ref,s))}}>${r("work.set")}</button>
    </div>`}renderLanes(e){let s=new Map(this.who?.lanes.map(t=>[t.config_entry_id,t.lane]));return n`<div class="lanes">
      ${e.lanes.length>1?n`<p class="agree ${e.agrees?"quiet":""}">
        ${m(e.agrees?"check":"differ")}${r(e.agrees?"work.agree":"work.differ")}</p>`:p}
      <ul>${e.lanes.map(t=>n`<li>
        <span class="line">${s.get(t.config_entry_id)??""}</span>
        ${this.renderLane(t)}
      </li>`)}</ul>
    </div>`}renderLane(e){let s=e.sync_state==="failed",t=e.sync_state==="pending"||e.sync_state==="syncing";return n`
      <span class="said ${e.watched?"yes":"quiet"}">${e.watched?m("check"):p}${e.watched?r("state.watched"):e.watched===null?r("state.unknown"):e.position>0?r("work.at",{time:x(e.position)}):r("state.unwatched")}</span>
      <span class="sync ${s?"bad":"quiet"}" title=${t?r("state.pending"):""}>
        ${s?n`${m("alert")}<span>${H(e.last_error??"")}</span>
          <button class="pill" @click=${()=>{D(this,()=>new M(this.hass).retry({config_entry_id:e.config_entry_id}),this.notice.say)}}>${m("retry")}${r("waiting.retry")}</button>`:t?n`${m("cloud")}<span>${r("state.pending")}</span>`:p}</span>`}};h.styles=[_,B,C.styles,b`
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
    .looked > .actions:first-child { margin-block-start: 2px; }
    .together { display: flex; align-items: center; gap: 8px; flex-wrap: wrap; margin-block: 8px 2px; font-size: 13px; }
    .with { padding-inline: 6px 14px; min-height: 36px; }
    .with .face { width: 26px; height: 26px; font-size: 10px; }
    .with span:only-child { padding-inline-start: 8px; }
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
  `],c([f({attribute:!1})],h.prototype,"hass",2),c([f({attribute:!1})],h.prototype,"whose",2),c([f({attribute:!1})],h.prototype,"who",2),c([f()],h.prototype,"ref",2),c([f({type:Boolean})],h.prototype,"bare",2),c([w()],h.prototype,"details",2),c([w()],h.prototype,"show",2),c([w()],h.prototype,"chosen",2),c([w()],h.prototype,"position",2),c([w()],h.prototype,"trouble",2),h=c([$("ws-work")],h);export{h as WorkView};
