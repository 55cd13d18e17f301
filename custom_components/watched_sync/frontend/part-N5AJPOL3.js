/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as k}from"./part-U3HZA3XH.js";import{a as O,b as W}from"./part-JXQHR3UF.js";import{a as v}from"./part-KK4QBCYA.js";import"./part-VEOD2X3I.js";import{a as V,c as $}from"./part-ROBQN4EY.js";import{a as f,b as q}from"./part-LNYL6AJM.js";import{C as T,F as j,H as b,a as m,c as _,d as r,g as h,i as C,j as S,k as g,m as R,n as y,q as z,r as M,v as L,w as a,x}from"./part-JP7ET3O6.js";function H(c){let o=new Map;for(let t of c){let e=o.get(t.batch_id)??{batch_id:t.batch_id,lines:[]};o.set(t.batch_id,e);let n=e.lines.find(i=>F(i,t));n?n.rows.push(t):e.lines.push({row:t,rows:[t]})}return[...o.values()]}function F({rows:c},o){return c.every(t=>t.title===o.title&&t.change===o.change&&t.config_entry_id!==o.config_entry_id)}function A(c){let o=new Date(c);return[o.getFullYear(),o.getMonth()+1,o.getDate()].map(t=>String(t).padStart(2,"0")).join("-")}function N(c){let o=new Map;for(let t of c){let e=A(t.lines[0]?.row.settled_at??"");o.set(e,[...o.get(e)??[],t])}return[...o]}var D=60,I=200,d=class extends C{constructor(){super();this.total=0;this.trouble="";this.whose="";this.round=0;this.notice=new k(this);new L(this)}disconnectedCallback(){super.disconnectedCallback(),clearTimeout(this.timer)}willUpdate(t){let{view:e,whose:n}=this.context,i=JSON.stringify(n);this.whose!==i?(this.whose=i,this.rows=void 0,this.seen=e,this.read()):e&&e!==this.seen&&(this.seen=e,clearTimeout(this.timer),this.timer=setTimeout(()=>{this.read()},400))}async read(t=!1){let e=++this.round,{hass:n,whose:i}=this.context,p=this.rows??[],l=t?{start:p.length,limit:D}:{limit:Math.min(I,Math.max(D,p.length))},s;try{s=await new y(n).history(i,l)}catch(u){if(!z(u))throw u;e===this.round&&(this.trouble=T(u));return}if(e!==this.round)return;let w=new Set(p.map(({key:u})=>u));this.rows=t?[...p,...s.rows.filter(({key:u})=>!w.has(u))]:s.rows,this.total=s.total,this.trouble=""}async undo(t){let{hass:e,whose:n}=this.context,i=await $(this,()=>new y(e).undo(n,t),this.notice.say);i&&(this.notice.say(a(i.operations.length?"notice.undone":"notice.nothing")),await this.read())}async undoSince(t){let{hass:e,whose:n}=this.context,i=new y(e),p=await $(this,()=>i.undo(n,{since:t,dry_run:!0}),this.notice.say);if(!p)return;let l=p.operations.length;l===0?this.notice.say(a("notice.nothing")):await V(this,x("history.since_ask",l),a("ask.go_on"))&&await this.undo({since:t})}render(){let{rows:t}=this;return this.trouble?r`<p class="empty">${f("alert")}<span>${this.trouble}</span></p>`:t?t.length===0?r`<p class="empty">${f("history")}<span>${a("history.nothing")}</span></p>`:r`<div class="story">
      ${v(N(H(t)),([e])=>e,([e,n])=>r`<section aria-label=${b(e)}>
        <h2>${b(e)}</h2>
        <ol>${v(n,({lines:i})=>i[0]?.row.key,i=>this.renderChapter(i))}</ol>
      </section>`)}
      ${t.length<this.total?r`<button class="pill next" @click=${()=>{this.read(!0)}}>${a("history.next")}</button>`:h}
      </div>${this.notice.render()}`:r`<div role="status"><span class="unseen">${a("card.loading")}</span></div>`}renderChapter({batch_id:t,lines:e}){let[n]=e;if(!n)return h;let{row:i}=n,l=e.reduce((s,{rows:w})=>s+w.length,0)<i.batch_size?i.batch_size-n.rows.length:e.length-1;return r`<li>
      ${this.renderPicture(i)}
      <div class="text">
        ${this.renderSentence(i)}
        ${this.renderMeta(n)}
        ${e.length>1?r`<details><summary>${x("history.more",l)}</summary>
          <ol>${e.map(s=>r`<li class="small">
            <span>${s.row.title}</span>
            ${s.row.undo==="row"&&!s.row.undone?r`<button class="round"
              title=${a("card.undo")} aria-label=${a("history.undo",{title:s.row.title})}
              @click=${()=>{this.undo({operation_id:s.row.operation_id})}}>${f("undo")}</button>`:h}
          </li>`)}</ol></details>`:h}
      </div>
      <div class="actions">
        ${i.undone?r`<span class="quiet undone">${a("notice.undone")}</span>`:i.undo==="no"?h:r`
          <button class="pill" aria-label=${a("history.undo",{title:i.title})}
            @click=${()=>{this.undo({batch_id:t})}}>${f("undo")}<span>${a("card.undo")}</span></button>
          <button class="round" title=${a("history.since")} aria-label=${`${a("history.since")}: ${i.title}`}
            @click=${()=>{this.undoSince(t)}}>${f("rewind")}</button>`}
      </div>
    </li>`}renderPicture(t){let e=r`<ws-picture .src=${t.picture} .width=${200}></ws-picture>`;return r`<button class="open" aria-haspopup="dialog" aria-label=${t.title}
      @click=${()=>M(this,"ws-open",{ref:t.ref})}>${e}</button>`}renderSentence({text:t,title:e}){let n=t.indexOf(e);return r`<p class="sentence">${n<0?t:r`${t.slice(0,n)}<b>${e}</b>${t.slice(n+e.length)}`}</p>`}renderMeta({row:t,rows:e}){let{hass:n,who:i}=this.context,p=i.persons.filter(({key:s})=>e.some(({owner:w})=>w===s)),l=new Intl.ListFormat(n.language).format(e.slice(1).map(({lane:s})=>s));return r`<span class="meta quiet">
      <time datetime=${t.settled_at}>${j(t.settled_at)}</time>
      ${i.persons.length>1?p.map(O):h}
      ${l?r`<span>${a("history.also",{lanes:l})}</span>`:h}</span>`}};d.styles=[q,W,k.styles,_`
    :host { display: block; }
    .story { max-width: 860px; margin: 0 auto; }
    h2 { margin: 0; padding: 18px 0 6px; font-size: 15px; font-weight: 600; color: var(--ws-quiet); }
    section:first-child h2 { padding-block-start: 0; }
    ol { list-style: none; margin: 0; padding: 0; }
    section > ol { background: var(--ws-card); border-radius: 16px; border: 1px solid var(--ws-line); padding: 0 16px; }
    section > ol > li { display: grid; grid-template-columns: 48px minmax(0, 1fr) auto; gap: 14px; align-items: center; padding: 12px 0; }
    section > ol > li + li { border-block-start: 1px solid var(--ws-line); }
    .open { border-radius: 8px; align-self: start; }
    ws-picture { --ws-round: 8px; }
    .text { display: grid; gap: 4px; min-width: 0; }
    .sentence { margin: 0; font-size: 15px; line-height: 21px; overflow-wrap: anywhere; }
    b { font-weight: 600; }
    .meta { display: flex; flex-wrap: wrap; gap: 2px 6px; align-items: center; font-size: 13px; line-height: 18px; }
    .meta .face { width: 20px; height: 20px; font-size: 9px; }
    .actions { display: flex; align-items: center; gap: 4px; }
    .undone { font-size: 13px; }
    summary { cursor: pointer; font-size: 13px; min-height: 32px; display: inline-flex; align-items: center; gap: 4px; color: var(--ws-quiet); border-radius: 8px; }
    summary::before { content: '▸'; transition: transform .15s; }
    :host(:dir(rtl)) summary::before { content: '◂'; }
    details[open] summary::before { transform: rotate(90deg); }
    .small { display: flex; align-items: center; justify-content: space-between; min-height: 44px; font-size: 14px; padding: 4px 0; }
    .small + .small { border-block-start: 1px solid var(--ws-line); }
    .next { margin: 20px auto 0; display: flex; background: var(--ws-card); border: 1px solid var(--ws-line); }
    .empty { display: grid; justify-items: center; gap: 14px; max-width: 480px; margin: 0 auto; padding: 15vh 16px; font-size: 16px; text-align: center; color: var(--ws-quiet); }
    .empty .icon { width: 40px; height: 40px; }
    @media (max-width: 600px) {
      section > ol { border-radius: 0; border-inline: 0; margin-inline: -16px; }
      section > ol > li { gap: 10px; align-items: start; }
      .actions { flex-direction: column; align-items: end; }
      .actions .pill { min-width: 44px; width: 44px; height: 44px; padding: 0; }
      .actions .pill span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    }
  `],m([S({attribute:!1})],d.prototype,"context",2),m([g()],d.prototype,"rows",2),m([g()],d.prototype,"total",2),m([g()],d.prototype,"trouble",2),d=m([R("ws-page-history")],d);export{d as HistoryPage};
