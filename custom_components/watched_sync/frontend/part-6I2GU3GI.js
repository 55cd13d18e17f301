/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as C}from"./part-DEKXZF4Z.js";import"./part-UTQUJJQK.js";import{a as x}from"./part-U3HZA3XH.js";import{a as N}from"./part-KK4QBCYA.js";import"./part-VEOD2X3I.js";import{c as z}from"./part-ROBQN4EY.js";import{a as h,b as L}from"./part-LNYL6AJM.js";import{B as _,E as k,G as q,J as m,a as c,c as f,d as a,g as i,i as g,j as y,m as u,n as $,v,w as s,x as l,y as b}from"./part-JP7ET3O6.js";var o=class extends g{constructor(){super();this.notice=new x(this);new v(this)}async tryNow(t){let e={config_entry_id:t.config_entry_id},n=new $(this.context.hass);await z(this,async()=>(await n.syncNow(e),!0),this.notice.say)&&this.notice.say(s("health.tried",{lane:t.lane}))}render(){let{hass:t,view:e,whose:n}=this.context;if(!e)return i;let{order:p,rows:r,pending:I,failed:j}=e.waiting;return a`<div class="sides">
      <section aria-labelledby="waits">
        <h2 id="waits">${s("waiting.title")}</h2>
        ${p.length?a`<div class="box"><ws-waiting .hass=${t} .whose=${n} .total=${I+j}
            .rows=${p.flatMap(d=>r[d]??[])}></ws-waiting></div>`:a`<p class="none">${h("check")}<span>${s("health.none")}</span></p>`}
      </section>
      <section aria-labelledby="servers">
        <h2 id="servers">${s("health.title")}</h2>
        <ul>${N(e.health.order,d=>d,d=>{let w=e.health.rows[d];return w?this.renderLane(w):i})}</ul>
      </section>
    </div>${this.notice.render()}`}renderLane(t){let{status:e}=t,n=e==="auth_required"||e==="failed",p=t.loaded&&t.inventory!=="complete"&&t.percent!==null,r=e==="offline";return a`<li>
      <div class="head">
        <span class="dot ${n?"bad-dot":r?"away":e==="synced"?"good":""}"></span>
        <span class="name">${t.lane}</span>
        <span class=${n?"bad":"quiet"}>${t.loaded&&e?_(e):s("health.not_loaded")}</span>
      </div>
      <div class="facts quiet" aria-live="polite">
        ${t.last_error&&e!=="synced"?a`<span class="why">${b(t.last_error)}</span>`:i}
        ${r&&t.since?a`<span>${s("health.since",{time:q(t.since)})}</span>`:i}
        ${t.next_attempt&&e!=="synced"?a`<span>${s("health.next",{time:m(t.next_attempt)})}</span>`:i}
        ${t.pending?a`<span>${l("card.waiting",t.pending)}</span>`:i}
        ${t.failed?a`<span class="bad">${l("card.failed",t.failed)}</span>`:i}
        ${t.last_synced?a`<span>${s("health.last",{time:m(t.last_synced)})}</span>`:i}
        ${p?a`<span>${s("health.reading",{percent:k(t.percent??0)})}</span>`:t.items?a`<span>${l("health.items",t.items)}</span>`:i}
      </div>
      <div class="actions">
        ${e==="auth_required"&&this.context.who.is_admin?a`<a class="pill main" href=${C}>${s("panel.sign_in")}</a>`:i}
        ${t.loaded&&e!=="auth_required"?a`<button class="pill"
          aria-label=${s(r?"health.try_now_at":"health.sync_now_at",{lane:t.lane})}
          @click=${()=>{this.tryNow(t)}}>${h("retry")}${s(r?"health.try_now":"health.sync_now")}</button>`:i}
      </div>
    </li>`}};o.styles=[L,x.styles,f`
    :host { display: block; }
    .sides { display: grid; grid-template-columns: minmax(0, 3fr) minmax(280px, 2fr); gap: 16px 32px; align-items: start; max-width: 1160px; margin: 0 auto; }
    h2 { margin: 0 0 10px; font-size: 18px; font-weight: 600; }
    .box, li { background: var(--ws-card); border: 1px solid var(--ws-line); border-radius: 16px; padding: 8px 16px; }
    ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 12px; }
    li { display: grid; gap: 6px; padding: 14px 16px; }
    .none { display: grid; justify-items: center; gap: 12px; margin: 0; padding: 64px 16px; text-align: center; font-size: 16px; color: var(--ws-quiet); }
    .none .icon { width: 40px; height: 40px; }
    .head { display: flex; align-items: center; gap: 10px; font-size: 14px; }
    .name { font-size: 16px; font-weight: 500; flex: 1; min-width: 0; overflow-wrap: anywhere; }
    .dot { width: 10px; height: 10px; border-radius: 50%; background: var(--ws-quiet); flex: none; }
    .dot.good { background: var(--ws-done); }
    .dot.away { background: var(--warning-color, #ffa600); }
    .dot.bad-dot { background: var(--ws-error); }
    .facts { display: flex; flex-flow: row wrap; gap: 2px 14px; font-size: 13px; line-height: 19px; }
    .why { flex: 1 1 100%; color: var(--ws-text); }
    .actions { display: flex; gap: 8px; margin-block-start: 4px; }
    @media (max-width: 870px) { .sides { grid-template-columns: minmax(0, 1fr); gap: 28px; } }
  `],c([y({attribute:!1})],o.prototype,"context",2),o=c([u("ws-page-waiting")],o);export{o as WaitingPage};
