/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import"./part-CNEYR3FF.js";import{a as z,b as H,c as U}from"./part-VH7M2IO2.js";import{a as _}from"./part-RD24UX4I.js";import"./part-HPKEYAQL.js";import{a as g,b as T}from"./part-MOSS2EEM.js";import{A as f,a as i,c as $,d as a,g as p,i as y,j as d,k as c,m as C,q as E,r as R,s as u,t as j,u as m,v as L,w as n}from"./part-A6PSBI2K.js";var h=[{path:"up-next",title:"card.title_up_next",icon:"film",load:()=>import("./part-2RR7JXKS.js"),render:l=>a`<ws-page-up-next .context=${l}></ws-page-up-next>`}];function v(l){let[x,...t]=l.split("/").filter(Boolean).map(decodeURIComponent);return{page:h.find(r=>r.path===x)??h[0],rest:t}}var o=class extends y{constructor(){super();this.narrow=!1;this.trouble="";this.loaded=new Set;this.language="";this.pushed=!1;this.follow=new _(this,()=>this.hass&&this.who?{hass:this.hass,whose:this.whose}:void 0);this.moved=()=>this.requestUpdate();new L(this)}connectedCallback(){super.connectedCallback(),window.addEventListener("location-changed",this.moved),window.addEventListener("popstate",this.moved)}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener("location-changed",this.moved),window.removeEventListener("popstate",this.moved),clearTimeout(this.timer)}get wanted(){return new URLSearchParams(location.search)}get person(){return this.who?z(this.who,this.wanted.get("person")??void 0):""}get whose(){return this.who?H(this.who,this.person):{}}address(t,e){let r=this.wanted;for(let[b,k]of Object.entries(t))k===null?r.delete(b):r.set(b,k);let w=r.toString(),s=e===void 0?location.pathname:`/watched/${e}`;return w?`${s}?${w}`:s}willUpdate(t){let{hass:e}=this;e&&this.language!==e.language&&(this.language=e.language,this.begin(e));let{page:r}=v(this.route?.path??"");this.loaded.has(r.path)||r.load().then(()=>{this.loaded=new Set([...this.loaded,r.path])}),this.wanted.has("open")&&!this.loaded.has("work")&&import("./part-42SZNYWS.js").then(()=>{this.loaded=new Set([...this.loaded,"work"])})}async begin(t){try{await j(t),this.who=await U(t),this.trouble=""}catch(e){if(!E(e))throw e;this.trouble=m()&&e.code==="unknown_command"?n("card.not_there"):f(e),this.timer=setTimeout(()=>{this.begin(t)},1e4)}}open(t){this.pushed=!0,u(this.address({open:t}))}close(){this.wanted.has("open")&&(this.pushed?history.back():u(this.address({open:null}),!0),this.pushed=!1)}render(){let{hass:t,who:e}=this,{page:r,rest:w}=v(this.route?.path??"");return a`
      <header>
        ${this.narrow?a`<button class="round" aria-label=${n("panel.menu")}
          @click=${()=>R(this,"hass-toggle-menu")}>${g("menu")}</button>`:p}
        <h1>${n("panel.title")}</h1>
        <nav aria-label=${n("panel.pages")}>${h.length<2?p:h.map(s=>a`<a class="tab"
          href=${this.address({open:null},s.path)} aria-current=${s===r?"page":"false"}>
          ${g(s.icon)}<span>${n(s.title)}</span></a>`)}</nav>
        <ws-persons .persons=${e?.persons??[]} .chosen=${this.person}
          @ws-person=${s=>u(this.address({person:s.detail,open:null}))}></ws-persons>
      </header>
      <main @ws-open=${s=>this.open(s.detail.ref)}>
        ${this.trouble||this.follow.error?a`<p class="trouble">${g("alert")}
            <span>${this.trouble||this.follow.error&&f(this.follow.error)}</span></p>`:t&&e&&m()&&this.loaded.has(r.path)?r.render({hass:t,who:e,person:this.person,whose:this.whose,view:this.follow.view,rest:w,narrow:this.narrow}):p}
      </main>
      ${this.renderSheet()}`}renderSheet(){let t=this.wanted.get("open");return!t||!this.hass||!this.who||!this.loaded.has("work")?p:a`<ws-sheet .label=${n("card.details")} @ws-close=${()=>this.close()}>
      <ws-work .hass=${this.hass} .whose=${this.whose} .who=${this.who} .ref=${t}></ws-work>
    </ws-sheet>`}};o.styles=[T,$`
    :host {
      display: flex; flex-direction: column; height: 100%; overflow: auto;
      background: var(--primary-background-color);
      --ws-card: var(--card-background-color, #fff);
    }
    header {
      position: sticky; top: 0; z-index: 4; display: flex; align-items: center; gap: 8px 16px;
      min-height: var(--header-height, 56px); padding: 0 24px;
      background: var(--app-header-background-color, var(--ws-card));
      color: var(--app-header-text-color, var(--ws-text));
      border-block-end: 1px solid var(--ws-line);
    }
    h1 { margin: 0; font-size: 20px; font-weight: 500; }
    nav { display: flex; gap: 4px; flex: 1; }
    .tab {
      display: flex; align-items: center; gap: 8px; min-height: 40px; padding: 0 14px; border-radius: 20px;
      color: inherit; text-decoration: none; font-size: 14px; font-weight: 500;
    }
    .tab:hover { background: color-mix(in srgb, currentcolor 10%, transparent); }
    .tab[aria-current='page'] { background: var(--ws-tint); color: var(--ws-text); }
    main { flex: 1; padding: 20px 24px 32px; width: 100%; max-width: 1600px; margin: 0 auto; }
    .trouble { display: grid; justify-items: center; gap: 12px; padding: 15vh 16px; text-align: center; }
    .trouble .icon { width: 40px; height: 40px; }
    :host([narrow]) header { padding: 0 8px; }
    :host([narrow]) main { padding: 16px 16px 88px; }
    :host([narrow]) nav:has(a) {
      position: fixed; inset-inline: 0; bottom: 0; z-index: 4; justify-content: space-around;
      padding: 6px 4px calc(6px + env(safe-area-inset-bottom)); background: var(--ws-card); color: var(--ws-text);
      border-block-start: 1px solid var(--ws-line);
    }
    :host([narrow]) .tab { flex-direction: column; gap: 2px; font-size: 12px; padding: 4px 10px; min-width: 60px; }
  `],i([d({attribute:!1})],o.prototype,"hass",2),i([d({type:Boolean,reflect:!0})],o.prototype,"narrow",2),i([d({attribute:!1})],o.prototype,"route",2),i([d({attribute:!1})],o.prototype,"panel",2),i([c()],o.prototype,"who",2),i([c()],o.prototype,"trouble",2),i([c()],o.prototype,"loaded",2),o=i([C("watched-sync-panel")],o);export{o as WatchedSyncPanel};
