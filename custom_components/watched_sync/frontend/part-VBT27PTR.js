/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as h}from"./part-6WEMCEFW.js";import{a as x}from"./part-BAOVDBXW.js";import{e as d}from"./part-OCKNGMN5.js";import{a as r,b as w}from"./part-OE7FYN2S.js";import{D as y,a,c as m,d as e,g as p,i as u,j as n,m as g,n as c,v as $,w as i,x as f}from"./part-L4HRYZOG.js";function v(o){return o.change==="set_progress"?i("waiting.position",{time:y(o.position??0)}):i(o.change==="mark_watched"?"waiting.watched":"waiting.unwatched")}var s=class extends u{constructor(){super();this.whose={};this.rows=[];this.total=0;this.notice=new h(this);new $(this)}act(l,t){let b={config_entry_id:t.config_entry_id};d(this,()=>new c(this.hass)[l](b,[t.operation_id]),this.notice.say)}all(l){d(this,()=>new c(this.hass)[l](this.whose),this.notice.say)}render(){let l=this.rows.filter(({status:t})=>t==="failed");return this.rows.length===0?e`<p class="quiet none">${i("waiting.none")}</p>${this.notice.render()}`:e`
      ${l.length>1?e`<div class="all">
        <button class="pill main" @click=${()=>this.all("retry")}>${r("retry")}${i("waiting.retry_all")}</button>
        <button class="pill" @click=${()=>this.all("discard")}>${r("trash")}${i("waiting.discard_all")}</button>
      </div>`:p}
      <ul>${x(this.rows,t=>t.operation_id,t=>e`<li>
        <ws-picture .src=${t.picture} .width=${200} .label=${t.title}></ws-picture>
        <div class="text">
          <span class="title">${t.title}</span>
          <span class="quiet">${v(t)} · ${t.lane}</span>
          <span class=${t.status==="failed"?"bad":"quiet"}>
            ${r(t.status==="failed"?"alert":"cloud")}<span>${t.text}</span></span>
          ${t.status==="failed"?e`<span class="actions">
            <button class="pill main" aria-label=${`${i("waiting.retry")}: ${t.title}`}
              @click=${()=>this.act("retry",t)}>${r("retry")}${i("waiting.retry")}</button>
            <button class="pill" aria-label=${`${i("waiting.discard")}: ${t.title}`}
              @click=${()=>this.act("discard",t)}>${r("trash")}${i("waiting.discard")}</button>
          </span>`:p}
        </div>
      </li>`)}</ul>
      ${this.total>this.rows.length?e`<p class="quiet none">${f("waiting.more",this.total-this.rows.length)}</p>`:p}
      ${this.notice.render()}`}};s.styles=[w,h.styles,m`
    :host { display: block; }
    ul { list-style: none; margin: 0; padding: 0; }
    li { display: grid; grid-template-columns: 56px 1fr; gap: 14px; padding: 12px 0; align-items: start; }
    li + li { border-block-start: 1px solid var(--ws-line); }
    ws-picture { --ws-round: 8px; }
    .text { display: grid; gap: 3px; font-size: 14px; line-height: 20px; min-width: 0; }
    .text > span:not(.actions) { display: flex; gap: 6px; }
    .text .icon { margin-block-start: 1px; }
    .title { font-size: 15px; font-weight: 500; }
    .actions, .all { display: flex; flex-wrap: wrap; gap: 8px; margin-block-start: 8px; }
    .all { margin: 0 0 8px; }
    .none { margin: 16px 0; }
  `],a([n({attribute:!1})],s.prototype,"hass",2),a([n({attribute:!1})],s.prototype,"whose",2),a([n({attribute:!1})],s.prototype,"rows",2),a([n({type:Number})],s.prototype,"total",2),s=a([g("ws-waiting")],s);export{s as WaitingList};
