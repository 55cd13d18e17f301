/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as K}from"./part-MHT6NLB4.js";import{a as x,c as k}from"./part-GC4CTBXF.js";import{a as A}from"./part-HZDFMT7T.js";import{a as U}from"./part-EHTQN2TL.js";import"./part-DGKIOJ55.js";import{a as C}from"./part-U3HZA3XH.js";import"./part-JXQHR3UF.js";import{a as L}from"./part-KK4QBCYA.js";import"./part-VEOD2X3I.js";import{d as N}from"./part-ROBQN4EY.js";import{a as b,b as S}from"./part-LNYL6AJM.js";import{C as j,a as l,c as $,d as h,g,i as E,j as y,k as v,m as M,n as R,q as W,r as q,v as _,w as p,x as O}from"./part-JP7ET3O6.js";var Q=60,J=19,X="(max-width: 600px)",f=14,H=2;function Y(m){let o=m;for(;o;)if(o=o.parentNode??(o instanceof ShadowRoot?o.host:null),o instanceof Element&&/auto|scroll/.test(getComputedStyle(o).overflowY))return o;return document.scrollingElement??document.documentElement}var u=class extends E{constructor(){super(...arguments);this.news=0;this.waiting=[];this.others=[];this.label="";this.least=140;this.columns=1;this.size={width:0,height:0};this.range=[0,-1];this.active=0;this.frame=0;this.sizes=new ResizeObserver(()=>this.measure());this.scrolled=()=>{this.frame||=requestAnimationFrame(()=>{this.frame=0,this.look()})}}connectedCallback(){super.connectedCallback(),this.sizes.observe(this),this.around=Y(this),this.around.addEventListener("scroll",this.scrolled,{passive:!0}),window.addEventListener("scroll",this.scrolled,{passive:!0}),window.addEventListener("resize",this.scrolled)}disconnectedCallback(){super.disconnectedCallback(),this.sizes.disconnect(),cancelAnimationFrame(this.frame),this.frame=0,this.around?.removeEventListener("scroll",this.scrolled),window.removeEventListener("scroll",this.scrolled),window.removeEventListener("resize",this.scrolled)}get inSight(){return this.range}measure(){let t=this.clientWidth;if(!t)return;this.columns=Math.max(2,Math.floor((t+f)/(this.least+f)));let e=(t-f*(this.columns-1))/this.columns,s=Q+(matchMedia(X).matches?J:0);this.size={width:e,height:Math.round(e*1.5)+s},this.look()}get area(){let{top:t=0,bottom:e=innerHeight}=this.around?.getBoundingClientRect()??{};return{top:Math.max(0,t),bottom:Math.min(innerHeight,e)}}look(){if(!this.around||!this.size.height)return;let t=this.size.height+f,{top:e,bottom:s}=this.area,r=e-this.getBoundingClientRect().top,i=Math.max(0,Math.floor(r/t)-H)*this.columns,n=(Math.floor((r+s-e)/t)+H+1)*this.columns-1;(i!==this.range[0]||n!==this.range[1])&&(this.range=[i,n])}willUpdate(t){t.has("works")&&t.get("works")&&(this.active=0,this.around?.scrollTo({top:0})),this.range[1]>=0&&this.works.want(this.range[0],this.range[1]);let{total:e}=this.works;e!==void 0&&this.active>=e&&(this.active=Math.max(0,e-1))}move(t){let e=this.matches(":dir(rtl)")?-1:1,{top:s,bottom:r}=this.area,i=Math.max(1,Math.floor((r-s)/(this.size.height+f))),a={ArrowRight:e,ArrowLeft:-e,ArrowDown:this.columns,ArrowUp:-this.columns,PageDown:i*this.columns,PageUp:-i*this.columns,Home:-1/0,End:1/0}[t.key],{total:c}=this.works;a===void 0||!c||t.altKey||t.ctrlKey||t.metaKey||(t.preventDefault(),this.focusAt(Math.max(0,Math.min(c-1,this.active+a))))}async focusAt(t){this.active=t;let{around:e}=this;if(!e)return;let s=this.size.height+f,{area:r}=this,i=this.getBoundingClientRect().top+Math.floor(t/this.columns)*s,n=r.top+(parseFloat(getComputedStyle(this).scrollMarginTop)||0);i<n?e.scrollTop+=i-n:i+s>r.bottom&&(e.scrollTop+=i+s-r.bottom),this.look(),await this.updateComplete;let a=this.renderRoot.querySelector(`[data-at='${t}'] ws-poster`);await a?.updateComplete,a?.focus({preventScroll:!0})}get shown(){let{total:t}=this.works,e=Math.min(this.range[1],(t??this.columns*3)-1),s=Array.from({length:Math.max(0,e-this.range[0]+1)},(r,i)=>this.range[0]+i);return t&&!s.includes(this.active)&&this.matches(":focus-within")&&(s.push(this.active),s.sort((r,i)=>r-i)),s}render(){let{total:t}=this.works,{width:e,height:s}=this.size,r=Math.ceil((t??0)/this.columns);return h`<ul role="list" aria-label=${this.label} aria-busy=${t===void 0?"true":"false"}
      style=${A({blockSize:`${Math.max(0,r*(s+f)-f)}px`})}
      @keydown=${this.move}>${e?L(this.shown,i=>i,i=>this.renderAt(i)):g}</ul>`}renderAt(t){let e=this.works.at(t),s=Math.floor(t/this.columns),r=A({insetBlockStart:`${s*(this.size.height+f)}px`,insetInlineStart:`${t%this.columns*(this.size.width+f)}px`,inlineSize:`${this.size.width}px`,blockSize:`${this.size.height}px`});if(!e)return h`<li style=${r} aria-hidden="true"><span class="wait"></span></li>`;let{sync:i,error:n}=K(e,this.waiting);return h`<li style=${r} data-at=${t} aria-setsize=${this.works.total??-1} aria-posinset=${t+1}>
      <ws-poster .work=${e} .sync=${i} .error=${n} .reachable=${t===this.active}
        .seen=${this.others.filter(({key:a})=>e.seen_by.includes(a))}
        @focusin=${()=>{this.active=t}}
        @ws-tick=${()=>q(this,"ws-mark",e)}></ws-poster></li>`}};u.styles=[S,$`
    :host { display: block; }
    ul { position: relative; list-style: none; margin: 0; padding: 0; }
    ul[aria-busy='true'] { min-block-size: 60vh; }
    li { position: absolute; contain: layout size style; }
    .wait { display: block; aspect-ratio: 2 / 3; border-radius: var(--ws-round); background: var(--ws-faint); }
  `],l([y({attribute:!1})],u.prototype,"works",2),l([y({type:Number})],u.prototype,"news",2),l([y({attribute:!1})],u.prototype,"waiting",2),l([y({attribute:!1})],u.prototype,"others",2),l([y()],u.prototype,"label",2),l([y({type:Number})],u.prototype,"least",2),l([v()],u.prototype,"columns",2),l([v()],u.prototype,"size",2),l([v()],u.prototype,"range",2),l([v()],u.prototype,"active",2),u=l([M("ws-grid")],u);var z=class{constructor(o,t,e){this.ask=o;this.told=t;this.failed=e;this.skipped=[];this.pages=new Map;this.asked=new Set;this.round=0}at(o){return this.pages.get(Math.floor(o/100))?.[o%100]}want(o,t){let e=this.total===void 0?0:Math.max(0,this.total-1),s=Math.floor(Math.max(0,o)/100),r=Math.floor(Math.min(e,t)/100);for(let i=s;i<=r;i+=1)!this.pages.has(i)&&!this.asked.has(i)&&this.read(i);this.forget((s+r)/2)}async read(o){let{round:t}=this;this.asked.add(o);try{let e=await this.ask(o*100,100);if(t!==this.round)return;this.total!==void 0&&this.total!==e.total&&this.pages.clear(),this.total=e.total,this.skipped=e.skipped,this.pages.set(o,e.works),this.told()}catch(e){t===this.round&&this.failed(e)}finally{t===this.round&&this.asked.delete(o)}}forget(o){if(this.pages.size<=20)return;[...this.pages.keys()].sort((e,s)=>Math.abs(s-o)-Math.abs(e-o)).slice(0,this.pages.size-20).forEach(e=>this.pages.delete(e))}replace(o){for(let t of this.pages.values())t.forEach((e,s)=>{t[s]=o[e.ref]??e});this.told()}async again(o,t){this.round+=1;let{round:e}=this;this.asked.clear();let s=Math.floor(Math.max(0,o)/100),r=Math.max(s,Math.floor(t/100));try{let i=await Promise.all(Array.from({length:r-s+1},(n,a)=>this.ask((s+a)*100,100)));if(e!==this.round)return;this.pages.clear(),i.forEach((n,a)=>{this.total=n.total,this.skipped=n.skipped,this.pages.set(s+a,n.works)}),this.told()}catch(i){e===this.round&&this.failed(i)}}};var G=120,B=["unwatched","in_progress","watched","nobody"],D=["title","year","last_played","duration"],V=["q","kind","state","library","differ","sort"],T=(m,o)=>m.find(t=>t===o);function Z(m){let o=T(["movie","show"],m.get("kind")),t=T(B,m.get("state")),e=T(D,m.get("sort"))??"title",s=m.get("q")?.trim(),r=m.get("library");return{...o&&{kinds:[o]},...t&&{state:t},...r&&{library:[r]},...m.has("differ")&&{disagree:!0},...s&&{query:s},...e!=="title"&&{sort:e},...(e==="year"||e==="last_played")&&{descending:!0}}}var w=class extends E{constructor(){super();this.news=0;this.trouble="";this.text=x().get("q")??"";this.asked="";this.notice=new C(this);new _(this),new U(this,()=>({hass:this.context.hass,whose:this.context.whose}),t=>this.hear(t))}disconnectedCallback(){super.disconnectedCallback(),clearTimeout(this.typing),clearTimeout(this.reading)}willUpdate(t){let{hass:e,whose:s}=this.context,r=Z(x()),i=JSON.stringify([s,r]);if(this.asked===i)return;let n=this.source;this.asked=i,this.trouble="",this.typing===void 0&&(this.text=x().get("q")??"");let a=new z((c,P)=>new R(e).library(s,{...r,start:c,limit:P}),()=>{this.asked===i&&(this.source=a),this.trouble="",this.news+=1},c=>{if(!W(c))throw c;this.trouble=j(c)});n?.total===void 0&&(this.source=a),a.want(0,0)}hear({works:t,reload:e}){t&&this.source?.replace(t),!(!e||this.source?.total===void 0)&&(clearTimeout(this.reading),this.reading=setTimeout(()=>{let[s,r]=this.renderRoot.querySelector("ws-grid")?.inSight??[0,0];this.source?.again(s,r)},500))}type(t){this.text=t,clearTimeout(this.typing),this.typing=setTimeout(()=>{this.typing=void 0,k({q:t.trim()||null},!0)},G)}reset(){this.text="",k(Object.fromEntries(V.map(t=>[t,null]))),this.renderRoot.querySelector("input")?.focus()}mark(t){let{hass:e,whose:s}=this.context,r=t.watched!==!0;this.notice.change(e,s,p(r?"notice.marked_title":"notice.unmarked_title",{title:t.full_title}),(i,n)=>i.mark(s,r,t.ref,n),i=>this.source?.replace({[t.ref]:i==="done"?N(t,r):t}))}render(){let{person:t,view:e,who:s}=this.context,{source:r}=this,i=x(),n=V.some(c=>i.has(c)&&c!=="sort"),a=r?.total;return h`
      ${this.renderTools(i)}
      ${this.trouble?h`<p class="empty">${b("alert")}<span>${this.trouble}</span></p>`:a===0?h`<p class="empty">${b(n?"search":"film")}
            <span>${p(n?"library.nothing":"library.empty")}</span>
            ${n?h`<button class="pill main" @click=${()=>this.reset()}>${p("library.reset")}</button>`:g}</p>`:r?h`<ws-grid .works=${r} .news=${this.news} .label=${p("library.title")}
              .least=${this.context.narrow?100:140} .waiting=${Object.values(e?.waiting.rows??{})}
              .others=${s.persons.filter(({key:c})=>c!==t)}
              @ws-mark=${c=>this.mark(c.detail)}></ws-grid>`:g}
      ${this.notice.render()}`}renderTools(t){let{who:e,view:s}=this.context,r=this.source?.total,i=this.source?.skipped??[],n=Object.values(s?.health.rows??{}),a=[...new Set(n.flatMap(d=>Object.values(d.libraries??{})))].sort(),c=t.get("state"),P=B.filter(d=>d!=="nobody"||e.persons.length>1);return h`<search class="tools">
      <label class="field">${b("search")}<span class="unseen">${p("library.search")}</span>
        <input type="search" autocomplete="off" enterkeyhint="search" placeholder=${p("library.search")}
          .value=${this.text} @input=${d=>this.type(d.target.value)}>
        ${this.text?h`<button class="round" aria-label=${p("library.clear")} @click=${()=>{this.type(""),this.renderRoot.querySelector("input")?.focus()}}>${b("close")}</button>`:g}
      </label>
      <div class="said quiet" role="status">${r===void 0?"":h`<span>${O("library.found",r)}</span>`}
        ${i.map(({lane:d,reason:F})=>h`<span class="skipped">${b("alert")}${p(F==="still_looking"?"library.still_looking":"library.not_loaded",{lane:d})}</span>`)}</div>
      <div class="chips" role="group" aria-label=${p("library.filters")}>
        ${this.renderChip("kind","movie",p("library.films"))}
        ${this.renderChip("kind","show",p("library.shows"))}
        <span class="gap"></span>
        ${P.map(d=>this.renderChip("state",d,p(`library.${d}`),c))}
        <span class="gap"></span>
        ${n.length>1?this.renderChip("differ","1",p("library.differ")):g}
        ${a.length>1?this.renderChoice("library",p("library.library"),t.get("library")??"",[["",p("library.all_libraries")],...a.map(d=>[d,d])]):g}
        ${this.renderChoice("sort",p("library.sort"),t.get("sort")??"title",D.map(d=>[d,p(`library.sort_${d}`)]))}
      </div>
    </search>`}renderChip(t,e,s,r=x().get(t)){let i=r===e;return h`<button class="chip" aria-pressed=${i?"true":"false"}
      @click=${()=>k({[t]:i?null:e})}>${i?b("check"):g}${s}</button>`}renderChoice(t,e,s,r){return h`<span class="choice"><select aria-label=${e} @change=${i=>{let{value:n}=i.target;k({[t]:n===r[0]?.[0]?null:n})}}>${r.map(([i,n])=>h`<option value=${i} .selected=${i===s}>${n}</option>`)}
    </select>${b("down")}</span>`}};w.styles=[S,C.styles,$`
    :host { display: block; }
    .tools {
      position: sticky; top: var(--ws-head, 56px); z-index: 3; display: flex; flex-wrap: wrap; gap: 10px 16px;
      margin: -20px -24px 0; padding: 14px 24px 10px; background: var(--primary-background-color);
    }
    .field {
      position: relative; display: flex; align-items: center; flex: 1 1 260px; max-width: 420px; height: 44px;
      border-radius: 22px; background: var(--ws-card); border: 1px solid var(--ws-line); padding-inline-start: 14px;
      color: var(--ws-quiet);
    }
    .field:focus-within { border-color: var(--ws-accent); box-shadow: 0 0 0 1px var(--ws-accent); }
    input {
      flex: 1; min-width: 0; height: 100%; border: 0; background: none; font: inherit; font-size: 16px;
      color: var(--ws-text); padding: 0 10px; outline: none; appearance: none;
    }
    input::placeholder { color: var(--ws-quiet); opacity: 1; }
    input::-webkit-search-cancel-button { display: none; }
    .chips { flex: 1 1 100%; display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
    .gap { width: 1px; height: 24px; background: var(--ws-line); margin: 0 4px; }
    .chip, select {
      display: inline-flex; align-items: center; gap: 6px; height: 36px; padding: 0 14px; border-radius: 18px;
      font-size: 14px; font-weight: 500; background: var(--ws-card); border: 1px solid var(--ws-line); white-space: nowrap;
    }
    .chip { position: relative; }
    .chip::before { content: ''; position: absolute; inset: -5px 0; }
    .chip:hover, select:hover { background: var(--ws-faint); }
    .chip[aria-pressed='true'] { background: var(--ws-tint); border-color: var(--ws-accent); }
    .choice { position: relative; display: inline-flex; }
    .choice .icon { position: absolute; inset-inline-end: 10px; inset-block-start: 8px; pointer-events: none; }
    select { appearance: none; font-family: inherit; color: var(--ws-text); padding-inline-end: 34px; cursor: pointer; max-width: 220px; text-overflow: ellipsis; }
    .said { align-self: center; min-height: 20px; font-size: 14px; display: flex; gap: 4px 16px; flex-wrap: wrap; }
    ws-grid { margin-block-start: 12px; }
    .skipped { display: inline-flex; gap: 6px; align-items: center; }
    .empty { display: grid; justify-items: center; gap: 14px; padding: 12vh 16px; font-size: 16px; text-align: center; color: var(--ws-quiet); }
    .empty > .icon { width: 40px; height: 40px; }
    .empty .pill { color: var(--ws-text); }
    ws-grid { scroll-margin-top: 150px; }
    @media (max-width: 870px) {
      .tools { margin: -16px -16px 0; padding: 12px 16px 8px; }
      .field { flex: 1 1 100%; max-width: none; }
      .said { order: 3; font-size: 13px; }
      .chips {
        flex-wrap: nowrap; overflow-x: auto; scrollbar-width: none; margin-inline: -16px; padding: 5px 16px;
      }
      .chips > * { flex: none; }
    }
  `],l([y({attribute:!1})],w.prototype,"context",2),l([v()],w.prototype,"news",2),l([v()],w.prototype,"trouble",2),l([v()],w.prototype,"text",2),w=l([M("ws-page-library")],w);export{w as LibraryPage,Z as queryOf};
