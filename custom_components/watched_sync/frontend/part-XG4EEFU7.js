/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{b as C}from"./part-CSJAUWVF.js";import{a as p,c as l,d,g as u,i as v,j as c,m as w,n as m,p as y,q as g,r as b,v as x,w as k}from"./part-3RW5APIG.js";var $=i=>i.split(/\s+/).slice(0,2).map(e=>[...e][0]??"").join("").toUpperCase(),T=i=>d`<span class="face" title=${i.name} aria-hidden="true">
  ${i.picture?d`<img alt="" src=${i.picture}>`:$(i.name)}</span>`,H=l`
  .face {
    display: grid; place-items: center; width: 32px; height: 32px; border-radius: 50%; flex: none;
    overflow: hidden; background: var(--ws-tint); font-size: 12px; font-weight: 600;
  }
  .face img { width: 100%; height: 100%; object-fit: cover; }
`,n=class extends v{constructor(){super();this.persons=[];this.chosen="";new x(this)}render(){return this.persons.length<2?u:d`<div role="group" aria-label=${k("card.whose")}>
      ${this.persons.map(t=>d`<button aria-pressed=${t.key===this.chosen?"true":"false"}
        @click=${()=>b(this,"ws-person",t.key)}>
        ${T(t)}<span class=${t.key===this.chosen?"name":"unseen"}>${t.name}</span>
      </button>`)}
    </div>`}};n.styles=[C,H,l`
    :host { display: block; }
    div { display: flex; gap: 4px; flex-wrap: wrap; }
    button {
      display: flex; align-items: center; gap: 8px; height: 40px; min-width: 40px; padding: 4px;
      border-radius: 20px; font-size: 14px; font-weight: 500;
    }
    button[aria-pressed='true'] { background: var(--ws-tint); padding-inline-end: 14px; }
    button[aria-pressed='true'] .face { background: var(--ws-card); }
    button[aria-pressed='false'] .face { opacity: .75; }
    button:hover .face { opacity: 1; }
  `],p([c({attribute:!1})],n.prototype,"persons",2),p([c()],n.prototype,"chosen",2),n=p([w("ws-persons")],n);var R=5e3,f=class{constructor(e,t){this.hass=e;this.whose=t;this.listeners=new Set;this.ended=!1;this.begin=async()=>{clearTimeout(this.timer);try{let e=await this.api.subscribe(this.whose,t=>this.hear(t));this.ended?await e():this.end=e}catch(e){if(!g(e))throw e;this.error=e,this.publish(),this.ended||(this.timer=setTimeout(()=>{this.begin()},R))}};this.api=new m(e),e.connection.addEventListener("ready",this.begin),this.begin()}hear(e){this.error=void 0,this.view=y(this.view,e),this.publish(e.type==="all"?{reload:!0}:e.library)}publish(e){let t={...this.known(),...e&&{library:e}};this.listeners.forEach(s=>s(t))}known(){return{...this.view&&{view:this.view},...this.error&&{error:this.error}}}close(){this.ended=!0,this.hass.connection.removeEventListener("ready",this.begin),clearTimeout(this.timer),Promise.resolve(this.end?.()).catch(()=>{})}},E=new WeakMap;function S(i,e,t){let{connection:s}=i,o=E.get(s)??new Map;E.set(s,o);let a=JSON.stringify([e,i.language]),r=o.get(a)??new f(i,e);o.set(a,r),r.listeners.add(t);let h=r.known();return(h.view||h.error)&&t(h),()=>{r.listeners.delete(t),r.listeners.size===0&&o.get(a)===r&&(o.delete(a),r.close())}}var W=class{constructor(e,t,s=()=>{}){this.host=e;this.wanted=t;this.changed=s;this.followed="";e.addController(this)}hostConnected(){this.host.requestUpdate()}hostUpdate(){let e=this.wanted(),t=e?JSON.stringify([e.whose,e.hass.language]):"";if(t===this.followed||(this.hostDisconnected(),this.followed=t,this.view=void 0,this.error=void 0,!e))return;let s=!0;this.stop=S(e.hass,e.whose,({view:o,error:a,library:r})=>{r&&this.changed(r),this.view=o,this.error=a,s||this.host.requestUpdate()}),s=!1}hostDisconnected(){this.stop?.(),this.stop=void 0,this.followed=""}};export{T as a,H as b,W as c};
