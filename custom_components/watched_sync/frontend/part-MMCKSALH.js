/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as N,b as T}from"./part-XTGR5J2A.js";import{a as M,b as g}from"./part-GC4CTBXF.js";import{a as x}from"./part-U3HZA3XH.js";import{a as C,c as f}from"./part-ROBQN4EY.js";import{a as c,b as A}from"./part-LNYL6AJM.js";import{A as w,C as O,D as d,E as j,a as h,c as y,d as s,g as l,i as _,j as k,k as v,m as q,n as L,q as z,s as S,v as E,w as a,x as u,z as b}from"./part-JP7ET3O6.js";var Q=[["films","films_to_mark"],["episodes","episodes_to_mark"],["films_un","films_to_unmark"],["episodes_un","episodes_to_unmark"]],H=({state:$})=>$==="running"||$==="undoing",p=class extends _{constructor(){super();this.source="";this.what="watched_and_progress";this.since="";this.busy=!1;this.said="";this.batch="";this.wasLive=!1;this.asked="";this.offer="";this.notice=new x(this);new E(this)}get api(){return new L(this.context.hass)}willUpdate(e){let{rest:i,view:n,who:o}=this.context;this.lanes===void 0&&n&&(this.lanes=new Set(o.lanes.filter(m=>m.loaded&&n.health.rows[m.config_entry_id]).map(m=>m.config_entry_id))),this.take(M().get("offer")??"");let t=i[0]??"";t!==this.batch&&(this.batch=t,this.levelling=void 0,this.said="");let r=n?.levelling.rows[t];r&&!(this.levelling?.state==="finished"&&r.state==="running")&&(this.levelling=r);let I=this.wasLive&&!r;this.wasLive=r!==void 0,!r&&t&&n&&!this.said&&(I||!this.levelling||H(this.levelling))&&this.look()}take(e){if(e===this.offer)return;let i=this.context.view?.offers.rows[e];e&&!i||(this.offer=e,i&&(this.lanes=new Set(i.config_entry_id),this.source=i.source[0]??"",this.what="watched_and_progress",this.since="",this.compare()))}show(e){S(g(`level/${e}`))}async look(){let{batch:e}=this;if(this.asked!==e){this.asked=e;try{let{levelling:i}=await this.api.level({batch_id:e});e===this.batch&&(this.levelling=i)}catch(i){if(!z(i))throw i;e===this.batch&&(this.said=O(i))}finally{this.asked=""}}}get question(){return{config_entry_id:[...this.lanes??[]],what:this.what,...this.source&&{direction:"from",source:[this.source]},...this.since&&{since:`${this.since} 00:00:00`}}}async compare(){this.busy=!0;let e=await f(this,()=>this.api.level(this.question),this.notice.say);this.busy=!1,this.plan=e,this.said=""}async start(){let{plan:e}=this;if(!e)return;this.busy=!0;let i=await f(this,()=>this.api.level({...this.question,confirm:e.plan_id}),this.notice.say);this.busy=!1,i&&(i.batch_id?(this.plan=void 0,this.show(i.batch_id)):(this.plan=i,this.said=i.message??""))}async steer(e){await f(this,()=>this.api.level({batch_id:this.batch,...e}),this.notice.say)&&await this.look()}async takeBack(){let{levelling:e}=this;if(!e||!await C(this,u("history.since_ask",e.done),a("ask.go_on")))return;await f(this,n=>this.api.undo({},{batch_id:this.batch,...n}),this.notice.say)&&await this.look()}render(){let{view:e}=this.context;return e?s`<div class="page">
      ${this.batch?this.renderLevelling():this.plan?this.renderPlan(this.plan):this.renderChoice()}
      ${this.said?s`<p role="status" class="said">${c("alert")}<span>${this.said}</span></p>`:l}
    </div>${this.notice.render()}`:l}renderChoice(){let{who:e}=this.context,i=e.lanes.filter(({loaded:t})=>t),n=i.filter(t=>this.lanes?.has(t.config_entry_id)),o=Object.values(this.context.view?.levelling.rows??{});return i.length<2?s`<p class="empty">${c("level")}<span>${a("level.two_needed")}</span></p>`:s`<h2>${a("level.title")}</h2><p class="quiet intro">${a("level.intro")}</p>
      ${this.context.view?N(this.context.view,this.context.hass.language):l}
      ${o.map(t=>s`<a class="pill main way" href=${g(`level/${t.batch_id}`)}>
        ${c("level")}${w(t.state)}: ${a("work.of",{count:d(t.total-t.left),all:d(t.total)})}</a>`)}
      <form class="box" @submit=${t=>{t.preventDefault(),this.compare()}}>
        <fieldset><legend>${a("level.between")}</legend>
          ${i.map(t=>s`<label class="check"><input type="checkbox"
            .checked=${this.lanes?.has(t.config_entry_id)??!1}
            @change=${r=>this.choose(t.config_entry_id,r.target.checked)}>
            <span>${t.lane}</span></label>`)}
        </fieldset>
        ${this.renderSelect(a("level.way"),this.source,[["",b("level_direction","both")],...n.map(t=>[t.config_entry_id,a("level.follow",{lane:t.lane})])],t=>{this.source=t,!t&&this.what==="exact"&&(this.what="watched_and_progress")})}
        ${this.renderSelect(a("level.what"),this.what,(this.source?["watched","watched_and_progress","exact"]:["watched","watched_and_progress"]).map(t=>[t,b("level_what",t)]),t=>{this.what=t})}
        <label class="row"><span>${a("level.since")}</span><input type="date" .value=${this.since}
          @change=${t=>{this.since=t.target.value}}></label>
        <button class="pill main" ?disabled=${this.busy||n.length<2}>${c("search")}${a(this.busy?"level.comparing":"level.compare")}</button>
      </form>`}choose(e,i){let n=new Set(this.lanes);i?n.add(e):n.delete(e),this.lanes=n,n.has(this.source)||(this.source="")}renderSelect(e,i,n,o){return s`<label class="row choice"><span>${e}</span><select
      @change=${t=>o(t.target.value)}>
      ${n.map(([t,r])=>s`<option value=${t} .selected=${t===i}>${r}</option>`)}</select>${c("down")}</label>`}renderPlan(e){return s`<h2>${a("level.plan")}</h2>
      <p class="quiet intro">${e.total?a("level.plan_intro"):a("level.level")}</p>
      ${e.skipped.map(({lane:i})=>s`<p class="said">${c("alert")}<span>${a("library.not_loaded",{lane:i})}</span></p>`)}
      <div class="lanes">${e.lanes.map(i=>this.renderLane(i))}</div>
      <div class="actions">
        ${e.total?s`<button class="pill main" ?disabled=${this.busy} @click=${()=>{this.start()}}>
          ${c("level")}${u("level.start",e.total)}</button>`:l}
        <button class="pill" @click=${()=>{this.plan=void 0,this.said=""}}>${c("back")}${a("level.again")}</button>
      </div>`}renderLane(e){let i=e.film_positions+e.episode_positions,n=Object.entries(e.left_out);return s`<section class="box" aria-label=${e.lane}>
      <h3>${e.lane}</h3>
      <ul class="counts">
        ${Q.map(([o,t])=>e[t]?s`<li><b>${d(e[t])}</b> ${u(`level.${o}`,e[t])}</li>`:l)}
        ${i?s`<li><b>${d(i)}</b> ${u("level.positions",i)}</li>`:l}
        ${e.total?l:s`<li>${a("level.nothing")}</li>`}
        ${e.equal?s`<li class="quiet">${d(e.equal)} ${u("level.equal",e.equal)}</li>`:l}
        ${e.probable?s`<li class="quiet">${d(e.probable)} ${u("level.probable",e.probable)}</li>`:l}
        ${n.map(([o,t])=>s`<li class="quiet">${d(t)} ${u("level.left_out",t,{reason:a(`level.reason_${o}`)})}</li>`)}
      </ul>
      ${e.rows.length?s`<details><summary>${a("level.rows")}</summary><ol tabindex="0" aria-label=${e.lane}>${e.rows.map(o=>s`<li>
        <span>${o.title??o.item_id}</span><span class="quiet">${o.from}</span></li>`)}</ol>
        ${e.total>e.rows.length?s`<p class="quiet">${u("waiting.more",e.total-e.rows.length)}</p>`:l}</details>`:l}
    </section>`}renderLevelling(){let{levelling:e}=this;if(!e)return this.said?s`<a class="pill" href=${g("level")}>${a("level.another")}</a>`:s`<div role="status"><span class="unseen">${a("card.loading")}</span></div>`;let{state:i,total:n}=e,o=n-e.left,t=H(e);return s`<h2>${w(i)}</h2>
      <p class="quiet intro">${e.title?`${e.title} · `:""}${new Intl.ListFormat(this.context.hass.language).format(e.sides)}</p>
      <div class="box">
        <progress max="1" .value=${n?o/n:1} aria-label=${a("level.title")}></progress>
        <p role="status">${a("work.of",{count:d(o),all:d(n)})}
          ${t?s`<span class="quiet">· ${j(n?Math.floor(100*o/n):100)}</span>`:l}
          ${e.failed?s`<span class="bad">· ${u("card.failed",e.failed)}</span>`:l}</p>
        <ul class="counts">${e.lanes.map(r=>s`<li><span>${r.lane}</span>
          <span class="quiet">${a("work.of",{count:d(r.total-r.left),all:d(r.total)})}</span></li>`)}</ul>
        <div class="actions">
          ${i==="running"?s`<button class="pill" @click=${()=>{this.steer({stop:!0})}}>${c("close")}${a("level.stop")}</button>`:l}
          ${i==="stopped"?s`<button class="pill main" @click=${()=>{this.steer({go_on:!0})}}>${c("retry")}${a("level.go_on")}</button>`:l}
          ${(i==="finished"||i==="stopped")&&e.done?s`<button class="pill" @click=${()=>{this.takeBack()}}>${c("undo")}${a("level.undo")}</button>`:l}
          ${t?l:s`<a class="pill" href=${g("level")}>${a("level.another")}</a>`}
        </div>
      </div>`}};p.styles=[A,T,x.styles,y`
    :host { display: block; }
    .page { max-width: 860px; margin: 0 auto; }
    h2 { margin: 0 0 6px; font-size: 22px; font-weight: 600; }
    h3 { margin: 0 0 8px; font-size: 16px; font-weight: 600; }
    .intro { margin: 0 0 18px; font-size: 15px; line-height: 22px; max-width: 620px; }
    .box { background: var(--ws-card); border: 1px solid var(--ws-line); border-radius: 16px; padding: 18px 20px; font-size: 15px; }
    form { display: grid; gap: 18px; justify-items: start; }
    .way { margin-block-end: 18px; }
    fieldset { border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 22px; }
    legend, .row > span { padding: 0; margin: 0 0 6px; font-size: 14px; font-weight: 500; }
    .check { display: flex; align-items: center; gap: 10px; min-height: 44px; cursor: pointer; }
    input[type='checkbox'] { width: 20px; height: 20px; margin: 0; accent-color: var(--ws-accent); }
    .row { display: grid; gap: 2px; width: min(100%, 420px); }
    select, input[type='date'] {
      height: 44px; padding: 0 14px; border-radius: 12px; border: 1px solid var(--ws-line); font: inherit;
      background: var(--ws-faint); color: var(--ws-text); color-scheme: light dark;
    }
    .choice { position: relative; }
    .choice .icon { position: absolute; inset-inline-end: 14px; inset-block-end: 10px; pointer-events: none; }
    select { appearance: none; padding-inline-end: 40px; text-overflow: ellipsis; cursor: pointer; }
    .lanes { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); }
    .counts, ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 6px; font-size: 14px; line-height: 20px; }
    .counts b { font-size: 18px; font-variant-numeric: tabular-nums; }
    summary { cursor: pointer; min-height: 40px; display: flex; align-items: center; font-size: 14px; font-weight: 500; margin-block-start: 6px; }
    summary::before { content: '▸'; margin-inline-end: 6px; }
    details[open] summary::before { transform: rotate(90deg); }
    ol li, .counts li:has(span + span) { display: flex; justify-content: space-between; gap: 16px; }
    ol { max-height: 320px; overflow: auto; }
    .actions { display: flex; flex-wrap: wrap; gap: 8px; margin-block-start: 18px; }
    .said { display: flex; gap: 10px; align-items: center; margin: 14px 0; font-size: 14px; }
    progress { appearance: none; display: block; width: 100%; height: 8px; border: 0; border-radius: 4px; overflow: hidden; background: var(--ws-faint); }
    progress::-webkit-progress-bar { background: var(--ws-faint); }
    progress::-webkit-progress-value { background: var(--ws-accent); transition: inline-size .4s; }
    progress::-moz-progress-bar { background: var(--ws-accent); }
    .box p { margin: 12px 0; font-variant-numeric: tabular-nums; }
    .empty { display: grid; justify-items: center; gap: 14px; padding: 15vh 16px; font-size: 16px; text-align: center; color: var(--ws-quiet); }
    .empty .icon { width: 40px; height: 40px; }
    @media (max-width: 600px) { .box { padding: 16px; } .lanes { grid-template-columns: minmax(0, 1fr); } }
  `],h([k({attribute:!1})],p.prototype,"context",2),h([v()],p.prototype,"lanes",2),h([v()],p.prototype,"source",2),h([v()],p.prototype,"what",2),h([v()],p.prototype,"since",2),h([v()],p.prototype,"plan",2),h([v()],p.prototype,"levelling",2),h([v()],p.prototype,"busy",2),h([v()],p.prototype,"said",2),p=h([q("ws-page-level")],p);export{p as LevelPage};
