/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as L}from"./part-445IVLJW.js";import{a as x,c as k}from"./part-5NSWPJ5B.js";import{a as z}from"./part-G4TR7REG.js";import{a as U}from"./part-WCMQREMS.js";import{a as A}from"./part-SDXGPQDC.js";import"./part-4LHOJNKU.js";import{a as K}from"./part-QMCETOVA.js";import"./part-3TCIX6ZS.js";import"./part-FKONV4QQ.js";import{a as b,b as S}from"./part-YINXUWLS.js";import{C as j,a,c as $,d as c,g,i as E,j as y,k as w,m as M,n as R,q as W,r as q,v as _,w as l,x as O}from"./part-ZGNXT5CQ.js";var F=60,f=14,N=2;function Q(m){let o=m;for(;o;)if(o=o.parentNode??(o instanceof ShadowRoot?o.host:null),o instanceof Element&&/auto|scroll/.test(getComputedStyle(o).overflowY))return o;return document.scrollingElement??document.documentElement}var d=class extends E{constructor(){super(...arguments);this.news=0;this.waiting=[];this.others=[];this.label="";this.least=140;this.columns=1;this.size={width:0,height:0};this.range=[0,-1];this.active=0;this.frame=0;this.sizes=new ResizeObserver(()=>this.measure());this.scrolled=()=>{this.frame||=requestAnimationFrame(()=>{this.frame=0,this.look()})}}connectedCallback(){super.connectedCallback(),this.sizes.observe(this),this.around=Q(this),this.around.addEventListener("scroll",this.scrolled,{passive:!0}),window.addEventListener("resize",this.scrolled)}disconnectedCallback(){super.disconnectedCallback(),this.sizes.disconnect(),cancelAnimationFrame(this.frame),this.frame=0,this.around?.removeEventListener("scroll",this.scrolled),window.removeEventListener("resize",this.scrolled)}get inSight(){return this.range}measure(){let t=this.clientWidth;if(!t)return;this.columns=Math.max(2,Math.floor((t+f)/(this.least+f)));let e=(t-f*(this.columns-1))/this.columns;this.size={width:e,height:Math.round(e*1.5)+F},this.look()}look(){if(!this.around||!this.size.height)return;let t=this.size.height+f,e=this.around.getBoundingClientRect().top-this.getBoundingClientRect().top,i=Math.max(0,Math.floor(e/t)-N)*this.columns,r=(Math.floor((e+this.around.clientHeight)/t)+N+1)*this.columns-1;(i!==this.range[0]||r!==this.range[1])&&(this.range=[i,r])}willUpdate(t){t.has("works")&&t.get("works")&&(this.active=0,this.around?.scrollTo({top:0})),this.range[1]>=0&&this.works.want(this.range[0],this.range[1]);let{total:e}=this.works;e!==void 0&&this.active>=e&&(this.active=Math.max(0,e-1))}move(t){let e=this.matches(":dir(rtl)")?-1:1,i=Math.max(1,Math.floor((this.around?.clientHeight??0)/(this.size.height+f))),s={ArrowRight:e,ArrowLeft:-e,ArrowDown:this.columns,ArrowUp:-this.columns,PageDown:i*this.columns,PageUp:-i*this.columns,Home:-1/0,End:1/0}[t.key],{total:n}=this.works;s===void 0||!n||t.altKey||t.ctrlKey||t.metaKey||(t.preventDefault(),this.focusAt(Math.max(0,Math.min(n-1,this.active+s))))}async focusAt(t){this.active=t;let{around:e}=this;if(!e)return;let i=this.size.height+f,r=e.getBoundingClientRect(),s=this.getBoundingClientRect().top+Math.floor(t/this.columns)*i,n=r.top+(parseFloat(getComputedStyle(this).scrollMarginTop)||0);s<n?e.scrollTop+=s-n:s+i>r.bottom&&(e.scrollTop+=s+i-r.bottom),this.look(),await this.updateComplete;let p=this.renderRoot.querySelector(`[data-at='${t}'] ws-poster`);await p?.updateComplete,p?.focus({preventScroll:!0})}get shown(){let{total:t}=this.works,e=Math.min(this.range[1],(t??this.columns*3)-1),i=Array.from({length:Math.max(0,e-this.range[0]+1)},(r,s)=>this.range[0]+s);return t&&!i.includes(this.active)&&this.matches(":focus-within")&&(i.push(this.active),i.sort((r,s)=>r-s)),i}render(){let{total:t}=this.works,{width:e,height:i}=this.size,r=Math.ceil((t??0)/this.columns);return c`<ul role="list" aria-label=${this.label} aria-busy=${t===void 0?"true":"false"}
      style=${z({blockSize:`${Math.max(0,r*(i+f)-f)}px`})}
      @keydown=${this.move}>${e?K(this.shown,s=>s,s=>this.renderAt(s)):g}</ul>`}renderAt(t){let e=this.works.at(t),i=Math.floor(t/this.columns),r=z({insetBlockStart:`${i*(this.size.height+f)}px`,insetInlineStart:`${t%this.columns*(this.size.width+f)}px`,inlineSize:`${this.size.width}px`});if(!e)return c`<li style=${r} aria-hidden="true"><span class="wait"></span></li>`;let{sync:s,error:n}=L(e,this.waiting);return c`<li style=${r} data-at=${t} aria-setsize=${this.works.total??-1} aria-posinset=${t+1}>
      <ws-poster .work=${e} .sync=${s} .error=${n} .reachable=${t===this.active}
        .seen=${this.others.filter(({key:p})=>e.seen_by.includes(p))}
        @focusin=${()=>{this.active=t}}
        @ws-tick=${()=>q(this,"ws-mark",e)}></ws-poster></li>`}};d.styles=[S,$`
    :host { display: block; }
    ul { position: relative; list-style: none; margin: 0; padding: 0; }
    ul[aria-busy='true'] { min-block-size: 60vh; }
    li { position: absolute; contain: layout style; }
    .wait { display: block; aspect-ratio: 2 / 3; border-radius: var(--ws-round); background: var(--ws-faint); }
  `],a([y({attribute:!1})],d.prototype,"works",2),a([y({type:Number})],d.prototype,"news",2),a([y({attribute:!1})],d.prototype,"waiting",2),a([y({attribute:!1})],d.prototype,"others",2),a([y()],d.prototype,"label",2),a([y({type:Number})],d.prototype,"least",2),a([w()],d.prototype,"columns",2),a([w()],d.prototype,"size",2),a([w()],d.prototype,"range",2),a([w()],d.prototype,"active",2),d=a([M("ws-grid")],d);var P=class{constructor(o,t,e){this.ask=o;this.told=t;this.failed=e;this.skipped=[];this.pages=new Map;this.asked=new Set;this.round=0}at(o){return this.pages.get(Math.floor(o/100))?.[o%100]}want(o,t){let e=this.total===void 0?0:Math.max(0,this.total-1),i=Math.floor(Math.max(0,o)/100),r=Math.floor(Math.min(e,t)/100);for(let s=i;s<=r;s+=1)!this.pages.has(s)&&!this.asked.has(s)&&this.read(s);this.forget((i+r)/2)}async read(o){let{round:t}=this;this.asked.add(o);try{let e=await this.ask(o*100,100);if(t!==this.round)return;this.total!==void 0&&this.total!==e.total&&this.pages.clear(),this.total=e.total,this.skipped=e.skipped,this.pages.set(o,e.works),this.told()}catch(e){t===this.round&&this.failed(e)}finally{t===this.round&&this.asked.delete(o)}}forget(o){if(this.pages.size<=20)return;[...this.pages.keys()].sort((e,i)=>Math.abs(i-o)-Math.abs(e-o)).slice(0,this.pages.size-20).forEach(e=>this.pages.delete(e))}replace(o){for(let t of this.pages.values())t.forEach((e,i)=>{t[i]=o[e.ref]??e});this.told()}async again(o,t){this.round+=1;let{round:e}=this;this.asked.clear();let i=Math.floor(Math.max(0,o)/100),r=Math.max(i,Math.floor(t/100));try{let s=await Promise.all(Array.from({length:r-i+1},(n,p)=>this.ask((i+p)*100,100)));if(e!==this.round)return;this.pages.clear(),s.forEach((n,p)=>{this.total=n.total,this.skipped=n.skipped,this.pages.set(i+p,n.works)}),this.told()}catch(s){e===this.round&&this.failed(s)}}};var J=120,I=["unwatched","in_progress","watched","nobody"],V=["title","year","last_played","duration"],H=["q","kind","state","library","differ","sort"],T=(m,o)=>m.find(t=>t===o);function X(m){let o=T(["movie","show"],m.get("kind")),t=T(I,m.get("state")),e=T(V,m.get("sort"))??"title",i=m.get("q")?.trim(),r=m.get("library");return{...o&&{kinds:[o]},...t&&{state:t},...r&&{library:[r]},...m.has("differ")&&{disagree:!0},...i&&{query:i},...e!=="title"&&{sort:e},...(e==="year"||e==="last_played")&&{descending:!0}}}var v=class extends E{constructor(){super();this.news=0;this.trouble="";this.text=x().get("q")??"";this.asked="";this.notice=new A(this);new _(this),new U(this,()=>({hass:this.context.hass,whose:this.context.whose}),t=>this.hear(t))}disconnectedCallback(){super.disconnectedCallback(),clearTimeout(this.typing),clearTimeout(this.reading)}willUpdate(t){let{hass:e,whose:i}=this.context,r=X(x()),s=JSON.stringify([i,r]);if(this.asked===s)return;let n=this.source;this.asked=s,this.trouble="",this.typing===void 0&&(this.text=x().get("q")??"");let p=new P((u,C)=>new R(e).library(i,{...r,start:u,limit:C}),()=>{this.asked===s&&(this.source=p),this.trouble="",this.news+=1},u=>{if(!W(u))throw u;this.trouble=j(u)});n?.total===void 0&&(this.source=p),p.want(0,0)}hear({works:t,reload:e}){t&&this.source?.replace(t),!(!e||this.source?.total===void 0)&&(clearTimeout(this.reading),this.reading=setTimeout(()=>{let[i,r]=this.renderRoot.querySelector("ws-grid")?.inSight??[0,0];this.source?.again(i,r)},500))}type(t){this.text=t,clearTimeout(this.typing),this.typing=setTimeout(()=>{this.typing=void 0,k({q:t.trim()||null},!0)},J)}reset(){this.text="",k(Object.fromEntries(H.map(t=>[t,null]))),this.renderRoot.querySelector("input")?.focus()}mark(t){let{hass:e,whose:i}=this.context,r=t.watched!==!0;this.notice.change(e,i,l(r?"notice.marked_title":"notice.unmarked_title",{title:t.full_title}),(s,n)=>s.mark(i,r,t.ref,n))}render(){let{person:t,view:e,who:i}=this.context,{source:r}=this,s=x(),n=H.some(u=>s.has(u)&&u!=="sort"),p=r?.total;return c`
      ${this.renderTools(s)}
      ${this.trouble?c`<p class="empty">${b("alert")}<span>${this.trouble}</span></p>`:p===0?c`<p class="empty">${b(n?"search":"film")}
            <span>${l(n?"library.nothing":"library.empty")}</span>
            ${n?c`<button class="pill main" @click=${()=>this.reset()}>${l("library.reset")}</button>`:g}</p>`:r?c`<ws-grid .works=${r} .news=${this.news} .label=${l("library.title")}
              .least=${this.context.narrow?100:140} .waiting=${Object.values(e?.waiting.rows??{})}
              .others=${i.persons.filter(({key:u})=>u!==t)}
              @ws-mark=${u=>this.mark(u.detail)}></ws-grid>`:g}
      ${this.notice.render()}`}renderTools(t){let{who:e,view:i}=this.context,r=this.source?.total,s=this.source?.skipped??[],n=Object.values(i?.health.rows??{}),p=[...new Set(n.flatMap(h=>Object.values(h.libraries??{})))].sort(),u=t.get("state"),C=I.filter(h=>h!=="nobody"||e.persons.length>1);return c`<search class="tools">
      <label class="field">${b("search")}<span class="unseen">${l("library.search")}</span>
        <input type="search" autocomplete="off" enterkeyhint="search" placeholder=${l("library.search")}
          .value=${this.text} @input=${h=>this.type(h.target.value)}>
        ${this.text?c`<button class="round" aria-label=${l("library.clear")} @click=${()=>{this.type(""),this.renderRoot.querySelector("input")?.focus()}}>${b("close")}</button>`:g}
      </label>
      <div class="said quiet" role="status">${r===void 0?"":c`<span>${O("library.found",r)}</span>`}
        ${s.map(({lane:h,reason:D})=>c`<span class="skipped">${b("alert")}${l(D==="still_looking"?"library.still_looking":"library.not_loaded",{lane:h})}</span>`)}</div>
      <div class="chips" role="group" aria-label=${l("library.filters")}>
        ${this.renderChip("kind","movie",l("library.films"))}
        ${this.renderChip("kind","show",l("library.shows"))}
        <span class="gap"></span>
        ${C.map(h=>this.renderChip("state",h,l(`library.${h}`),u))}
        <span class="gap"></span>
        ${n.length>1?this.renderChip("differ","1",l("library.differ")):g}
        ${p.length>1?this.renderChoice("library",l("library.library"),t.get("library")??"",[["",l("library.all_libraries")],...p.map(h=>[h,h])]):g}
        ${this.renderChoice("sort",l("library.sort"),t.get("sort")??"title",V.map(h=>[h,l(`library.sort_${h}`)]))}
      </div>
    </search>`}renderChip(t,e,i,r=x().get(t)){let s=r===e;return c`<button class="chip" aria-pressed=${s?"true":"false"}
      @click=${()=>k({[t]:s?null:e})}>${s?b("check"):g}${i}</button>`}renderChoice(t,e,i,r){return c`<span class="choice"><select aria-label=${e} @change=${s=>{let{value:n}=s.target;k({[t]:n===r[0]?.[0]?null:n})}}>${r.map(([s,n])=>c`<option value=${s} .selected=${s===i}>${n}</option>`)}
    </select>${b("down")}</span>`}};v.styles=[S,A.styles,$`
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
  `],a([y({attribute:!1})],v.prototype,"context",2),a([w()],v.prototype,"news",2),a([w()],v.prototype,"trouble",2),a([w()],v.prototype,"text",2),v=a([M("ws-page-library")],v);export{v as LibraryPage,X as queryOf};
