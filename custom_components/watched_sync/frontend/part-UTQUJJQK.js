/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as g}from"./part-U3HZA3XH.js";import{a as k}from"./part-KK4QBCYA.js";import{c as m}from"./part-ROBQN4EY.js";import{a as l,b as v}from"./part-LNYL6AJM.js";import{J as w,L as b,a as r,c as u,d as n,g as p,i as f,j as o,m as $,n as h,v as y,w as e,x,y as _}from"./part-JP7ET3O6.js";function q(i){return i.change==="set_progress"?e("waiting.position",{time:b(i.position??0)}):e(i.change==="mark_watched"?"waiting.watched":"waiting.unwatched")}var H=["waits_for_server","waits_for_sign_in","waits_for_decision","being_delivered","missing","may_have_been_written","retries_later","waits_for_turn","given_up"];function j(i){let c=H.find(d=>d===i.why),a=i.last_error&&i.why!=="being_delivered"?_(i.last_error):"",t=i.status!=="failed"&&i.next_attempt&&Date.parse(i.next_attempt)>Date.now()?e("waiting.next",{time:w(i.next_attempt)}):"";return[c?e(`why.${c}`):i.text,a,t].filter(Boolean).join(" · ")}var s=class extends f{constructor(){super();this.whose={};this.rows=[];this.total=0;this.notice=new g(this);new y(this)}act(a,t){let d={config_entry_id:t.config_entry_id};m(this,()=>new h(this.hass)[a](d,[t.operation_id]),this.notice.say)}all(a){m(this,()=>new h(this.hass)[a](this.whose),this.notice.say)}render(){let a=this.rows.filter(({status:t})=>t==="failed");return this.rows.length===0?n`<p class="quiet none">${e("waiting.none")}</p>${this.notice.render()}`:n`
      ${a.length>1?n`<div class="all">
        <button class="pill main" @click=${()=>this.all("retry")}>${l("retry")}${e("waiting.retry_all")}</button>
        <button class="pill" @click=${()=>this.all("discard")}>${l("trash")}${e("waiting.discard_all")}</button>
      </div>`:p}
      <ul>${k(this.rows,t=>t.operation_id,t=>n`<li>
        <ws-picture .src=${t.picture} .width=${200}></ws-picture>
        <div class="text">
          <span class="title">${t.title}</span>
          <span class="quiet">${q(t)} · ${t.lane}</span>
          <span class=${t.status==="failed"?"bad":"quiet"}>
            ${l(t.status==="failed"?"alert":"cloud")}<span title=${t.text}>${j(t)}</span></span>
          ${t.status==="failed"?n`<span class="actions">
            <button class="pill main" aria-label=${`${e("waiting.retry")}: ${t.title}`}
              @click=${()=>this.act("retry",t)}>${l("retry")}${e("waiting.retry")}</button>
            <button class="pill" aria-label=${`${e("waiting.discard")}: ${t.title}`}
              @click=${()=>this.act("discard",t)}>${l("trash")}${e("waiting.discard")}</button>
          </span>`:p}
        </div>
      </li>`)}</ul>
      ${this.total>this.rows.length?n`<p class="quiet none">${x("waiting.more",this.total-this.rows.length)}</p>`:p}
      ${this.notice.render()}`}};s.styles=[v,g.styles,u`
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
  `],r([o({attribute:!1})],s.prototype,"hass",2),r([o({attribute:!1})],s.prototype,"whose",2),r([o({attribute:!1})],s.prototype,"rows",2),r([o({type:Number})],s.prototype,"total",2),s=r([$("ws-waiting")],s);export{s as a};
