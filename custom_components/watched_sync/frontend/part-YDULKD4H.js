/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as C}from"./part-23HIEL6K.js";import"./part-4OFMPJ22.js";import{a as x}from"./part-XG6245LU.js";import{a as N}from"./part-MF3U53WC.js";import{e as z}from"./part-3P45LPED.js";import{a as h,b as L}from"./part-CSJAUWVF.js";import{B as k,C as q,E as m,a as c,c as g,d as a,g as s,i as f,j as y,m as u,n as $,v,w as i,x as l,y as b,z as _}from"./part-3RW5APIG.js";var o=class extends f{constructor(){super();this.notice=new x(this);new v(this)}async tryNow(t){let e={config_entry_id:t.config_entry_id},n=new $(this.context.hass);await z(this,async()=>(await n.syncNow(e),!0),this.notice.say)&&this.notice.say(i("health.tried",{lane:t.lane}))}render(){let{hass:t,view:e,whose:n}=this.context;if(!e)return s;let{order:d,rows:r,pending:I,failed:j}=e.waiting;return a`<div class="sides">
      <section aria-labelledby="waits">
        <h2 id="waits">${i("waiting.title")}</h2>
        ${d.length?a`<div class="box"><ws-waiting .hass=${t} .whose=${n} .total=${I+j}
            .rows=${d.flatMap(p=>r[p]??[])}></ws-waiting></div>`:a`<p class="none">${h("check")}<span>${i("health.none")}</span></p>`}
      </section>
      <section aria-labelledby="servers">
        <h2 id="servers">${i("health.title")}</h2>
        <ul>${N(e.health.order,p=>p,p=>{let w=e.health.rows[p];return w?this.renderLane(w):s})}</ul>
      </section>
    </div>${this.notice.render()}`}renderLane(t){let{status:e}=t,n=e==="auth_required"||e==="failed",d=t.loaded&&t.inventory!=="complete"&&t.percent!==null,r=e==="offline";return a`<li>
      <div class="head">
        <span class="dot ${n?"bad-dot":r?"away":e==="synced"?"good":""}"></span>
        <span class="name">${t.lane}</span>
        <span class=${n?"bad":"quiet"}>${t.loaded&&e?_(e):i("health.not_loaded")}</span>
      </div>
      <div class="facts quiet" aria-live="polite">
        ${t.last_error&&e!=="synced"?a`<span class="why">${b(t.last_error)}</span>`:s}
        ${r&&t.since?a`<span>${i("health.since",{time:q(t.since)})}</span>`:s}
        ${t.next_attempt&&e!=="synced"?a`<span>${i("health.next",{time:m(t.next_attempt)})}</span>`:s}
        ${t.pending?a`<span>${l("card.waiting",t.pending)}</span>`:s}
        ${t.failed?a`<span class="bad">${l("card.failed",t.failed)}</span>`:s}
        ${t.last_synced?a`<span>${i("health.last",{time:m(t.last_synced)})}</span>`:s}
        ${d?a`<span>${i("health.reading",{percent:k(t.percent??0)})}</span>`:t.items?a`<span>${l("health.items",t.items)}</span>`:s}
      </div>
      <div class="actions">
        ${e==="auth_required"&&this.context.who.is_admin?a`<a class="pill main" href=${C}>${i("panel.sign_in")}</a>`:s}
        ${t.loaded&&e!=="auth_required"?a`<button class="pill"
          aria-label=${i(r?"health.try_now_at":"health.sync_now_at",{lane:t.lane})}
          @click=${()=>{this.tryNow(t)}}>${h("retry")}${i(r?"health.try_now":"health.sync_now")}</button>`:s}
      </div>
    </li>`}};o.styles=[L,x.styles,g`
    :host { display: block; }
    .sides { display: grid; grid-template-columns: minmax(0, 3fr) minmax(280px, 2fr); gap: 16px 32px; align-items: start; max-width: 1160px; margin: 0 auto; }
    h2 { margin: 0 0 10px; font-size: 18px; font-weight: 600; }
    .box, li { background: var(--ws-card); border: 1px solid var(--ws-line); border-radius: 16px; padding: 4px 16px; }
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
    .facts { display: flex; flex-direction: column; gap: 2px; font-size: 13px; line-height: 19px; }
    .why { color: var(--ws-text); }
    .actions { display: flex; gap: 8px; margin-block-start: 4px; }
    @media (max-width: 870px) { .sides { grid-template-columns: minmax(0, 1fr); gap: 28px; } }
  `],c([y({attribute:!1})],o.prototype,"context",2),o=c([u("ws-page-waiting")],o);export{o as WaitingPage};
