/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as R,b as q,c as v}from"./part-DEKXZF4Z.js";import"./part-6JP566F3.js";import{a as u,b as j,c as g}from"./part-GC4CTBXF.js";import{a as A}from"./part-EHTQN2TL.js";import{a as B,b as L,f as _,g as z,h as H}from"./part-DGKIOJ55.js";import"./part-JXQHR3UF.js";import{a as p,b as T}from"./part-LNYL6AJM.js";import{C as m,a as n,c as b,d as r,g as a,i as x,j as c,k as w,m as $,q as k,r as y,u as f,v as E,w as i,x as C}from"./part-JP7ET3O6.js";function O(l,d){return l?.language!==d?.language||l?.connection!==d?.connection||l?.connected!==d?.connected||l?.user?.id!==d?.user?.id}var o=class extends x{constructor(){super();this.narrow=!1;this.trouble="";this.loaded=new Set;this.language="";this.pushed=!1;this.shown="";this.tops=new Map;this.isBack=!1;this.follow=new A(this,()=>this.hass&&this.who?{hass:this.hass,whose:this.whose}:void 0,({reload:e})=>{e&&this.follow.view&&this.hass&&_(this.hass).then(t=>{this.who=t},()=>{})});this.moved=e=>{this.isBack=e.type==="popstate",this.requestUpdate()};this.scrolled=()=>{this.tops.set(this.shown,this.scrollTop)};new E(this)}connectedCallback(){super.connectedCallback(),window.addEventListener("location-changed",this.moved),window.addEventListener("popstate",this.moved),this.addEventListener("scroll",this.scrolled,{passive:!0})}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener("location-changed",this.moved),window.removeEventListener("popstate",this.moved),this.removeEventListener("scroll",this.scrolled),clearTimeout(this.timer)}get person(){return this.who?B(this.who,u().get("person")??void 0):""}get whose(){return this.who?L(this.who,this.person):{}}willUpdate(e){let{hass:t}=this;t&&this.language!==t.language&&(this.language=t.language,this.begin(t));let{page:s}=v(this.route?.path??"");this.loaded.has(s.path)||s.load().then(()=>{this.loaded=new Set([...this.loaded,s.path])}),u().has("open")&&!this.loaded.has("work")&&import("./part-4PHTY6XF.js").then(()=>{this.loaded=new Set([...this.loaded,"work"])})}updated(){let{page:e}=v(this.route?.path??"");this.shown!==e.path&&(this.shown=e.path,this.scrollBack(e.path,this.isBack?this.tops.get(e.path)??0:0))}async scrollBack(e,t){for(let s=0;s<120&&this.shown===e;s+=1){if(this.scrollTop=t,Math.abs(this.scrollTop-t)<1)return;await new Promise(requestAnimationFrame)}}async begin(e){try{this.who=await z(e),this.trouble=""}catch(t){if(!k(t))throw t;this.trouble=m(t),this.timer=setTimeout(()=>{this.begin(e)},5e3)}}open(e){this.pushed=!0,g({open:e})}close(){u().has("open")&&(this.pushed?history.back():g({open:null},!0),this.pushed=!1)}render(){let{hass:e,who:t}=this,{page:s,rest:I}=v(this.route?.path??"");return r`
      <header>
        ${this.narrow?r`<button class="round" aria-label=${i("panel.menu")}
          @click=${()=>y(this,"hass-toggle-menu")}>${p("menu")}</button>`:a}
        <h1>${i("panel.title")}</h1>
        <nav aria-label=${i("panel.pages")}>${q.map(h=>this.renderTab(h,h===s))}</nav>
        <ws-persons .persons=${t?.persons??[]} .chosen=${this.person}
          @ws-person=${h=>g({person:h.detail,open:null})}></ws-persons>
      </header>
      ${f()?this.renderBanners():a}
      <main @ws-open=${h=>this.open(h.detail.ref)}>
        ${this.trouble||this.follow.error?r`<p class="trouble">${p("alert")}
            <span>${this.trouble||this.follow.error&&m(this.follow.error)}</span></p>`:e&&t&&f()&&this.loaded.has(s.path)?s.render({hass:e,who:t,person:this.person,whose:this.whose,view:this.follow.view,rest:I,narrow:this.narrow}):a}
      </main>
      ${this.renderSheet()}`}renderTab(e,t){let s=e.path==="waiting"?this.follow.view?.waiting.failed??0:0;return r`<a class="tab" href=${j(e.path)} aria-current=${t?"page":"false"}>
      <span class="sign">${p(e.icon)}${s?r`<span class="badge" aria-hidden="true"></span>`:a}</span>
      <span>${i(e.title)}</span>${s?r`<span class="unseen">, ${C("card.failed",s)}</span>`:a}</a>`}renderBanners(){let e=Object.values(this.follow.view?.health.rows??{});return r`<div class="banners" role="status">
      ${this.who&&H(this.who,import.meta.url)?r`<p class="banner">${p("retry")}
          <span>${i("panel.outdated")}</span>
          <button class="pill" @click=${()=>location.reload()}>${i("panel.reload")}</button></p>`:a}
      ${this.hass?.connected===!1?r`<p class="banner">${p("alert")}<span>${i("panel.disconnected")}</span></p>`:a}
      ${e.map(t=>t.status==="offline"?r`<p class="banner">${p("cloud")}
          <span>${i("panel.offline",{lane:t.lane})}</span></p>`:t.status==="auth_required"?r`<p class="banner">${p("alert")}
          <span>${i("panel.sign_in_needed",{lane:t.lane})}</span>
          ${this.who?.is_admin?r`<a class="pill" href=${R}>${i("panel.sign_in")}</a>`:a}</p>`:a)}
    </div>`}renderSheet(){let e=u().get("open");return!e||!this.hass||!this.who||!this.loaded.has("work")?a:r`<ws-sheet .label=${i("card.details")} @ws-close=${()=>this.close()}>
      <ws-work .hass=${this.hass} .whose=${this.whose} .who=${this.who} .ref=${e}></ws-work>
    </ws-sheet>`}};o.styles=[T,b`
    :host {
      /* Home Assistant gives it no height: with one of its own it scrolls, instead of growing. */
      display: flex; flex-direction: column; height: 100dvh; overflow: auto;
      background: var(--primary-background-color);
      --ws-card: var(--card-background-color, #fff); --ws-head: var(--header-height, 56px);
    }
    header {
      position: sticky; top: 0; z-index: 4; display: flex; align-items: center; gap: 8px 16px;
      min-height: var(--header-height, 56px); padding: 0 24px;
      background: var(--app-header-background-color, var(--ws-card));
      color: var(--app-header-text-color, var(--ws-text));
      border-block-end: 1px solid var(--ws-line);
    }
    ws-persons { margin-inline-start: auto; }
    h1 { margin: 0; font-size: 20px; font-weight: 500; }
    nav { display: flex; gap: 4px; flex: 1; }
    .tab {
      display: flex; align-items: center; gap: 8px; min-height: 40px; padding: 0 14px; border-radius: 20px;
      color: inherit; text-decoration: none; font-size: 14px; font-weight: 500;
    }
    .tab:hover { background: color-mix(in srgb, currentcolor 10%, transparent); }
    .tab[aria-current='page'] { background: var(--ws-tint); color: var(--ws-text); }
    .sign { position: relative; display: flex; }
    .badge {
      position: absolute; inset-block-start: -3px; inset-inline-end: -4px; width: 10px; height: 10px; border-radius: 50%;
      background: var(--ws-error); box-shadow: 0 0 0 2px var(--app-header-background-color, var(--ws-card));
    }
    .banners:empty { display: none; }
    .banner {
      display: flex; align-items: center; gap: 12px; margin: 0; padding: 10px 24px; min-height: 44px; font-size: 14px;
      background: color-mix(in srgb, var(--warning-color, #ffa600) 18%, var(--ws-card)); border-block-end: 1px solid var(--ws-line);
    }
    .banner .pill { margin-inline-start: auto; }
    main { flex: 1; padding: 20px 24px 32px; width: 100%; max-width: 1600px; margin: 0 auto; }
    .trouble { display: grid; justify-items: center; gap: 12px; padding: 15vh 16px; text-align: center; }
    .trouble .icon { width: 40px; height: 40px; }
    :host([narrow]) header { padding: 0 8px; }
    :host([narrow]) .banner { padding-inline: 16px; }
    :host([narrow]) main { padding: 16px 16px 88px; }
    :host([narrow]) nav:has(a) {
      position: fixed; inset-inline: 0; bottom: 0; z-index: 4; justify-content: space-around;
      padding: 6px 4px calc(6px + env(safe-area-inset-bottom)); background: var(--ws-card); color: var(--ws-text);
      border-block-start: 1px solid var(--ws-line);
    }
    :host([narrow]) .tab { flex: 1 1 0; min-width: 0; flex-direction: column; gap: 2px; font-size: 11px; padding: 4px 2px; white-space: nowrap; }
  `],n([c({attribute:!1,hasChanged:O})],o.prototype,"hass",2),n([c({type:Boolean,reflect:!0})],o.prototype,"narrow",2),n([c({attribute:!1})],o.prototype,"route",2),n([c({attribute:!1})],o.prototype,"panel",2),n([w()],o.prototype,"who",2),n([w()],o.prototype,"trouble",2),n([w()],o.prototype,"loaded",2),o=n([$("watched-sync-panel")],o);export{o as WatchedSyncPanel};
