/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as $,b as g}from"./part-CSJAUWVF.js";import{A as E,a as o,c as m,d as h,g as v,i as f,j as c,k as y,l as x,m as u,n as b,o as k,q as _,r as T,w as d}from"./part-3RW5APIG.js";var l=class extends f{constructor(){super(...arguments);this.text="";this.yes="";this.answer=()=>{}}firstUpdated(){this.dialog.showModal()}render(){return h`<dialog role="alertdialog" aria-describedby="text" aria-label=${d("ask.title")}
      @close=${()=>this.answer(this.dialog.returnValue==="yes")}>
      <p id="text">${this.text}</p>
      <form method="dialog">
        <button class="pill" value="no">${d("ask.cancel")}</button>
        <button class="pill main" value="yes">${this.yes}</button>
      </form>
    </dialog>`}};l.styles=[g,m`
    dialog {
      border: 0; border-radius: 20px; padding: 24px; max-width: min(420px, calc(100vw - 32px));
      background: var(--ws-card); color: var(--ws-text); font-size: 16px; line-height: 1.5;
    }
    dialog::backdrop { background: rgb(0 0 0 / 50%); }
    p { margin: 0 0 20px; }
    form { display: flex; justify-content: flex-end; gap: 8px; flex-wrap: wrap; }
  `],o([c()],l.prototype,"text",2),o([c()],l.prototype,"yes",2),o([x("dialog")],l.prototype,"dialog",2),l=o([u("ws-ask")],l);function M(s,t,i){return new Promise(e=>{let r=document.createElement("ws-ask");r.text=t,r.yes=i,r.answer=a=>{r.remove(),e(a)},(s.shadowRoot??document.body).append(r)})}var U=1e4,W=["mark_needs_confirmation","unmark_needs_confirmation","unknown_size_needs_confirmation"],A=s=>t=>{T(s,"hass-notification",{message:t})};async function R(s,t,i=A(s)){let e={};for(;;)try{return await t(e)}catch(r){if(!_(r))throw r;if(e.confirm||!W.includes(r.translation_key??"")){i(E(r));return}let a=r.translation_placeholders?.count,p=a?d("ask.many",{count:a}):d("ask.unknown");if(!await M(s,p,d("ask.go_on")))return;e={confirm:!0}}}var H=class{constructor(t){this.host=t;this.ticked=new Map;this.said="";this.timers=new Map;t.addController(this)}hostConnected(){}hostDisconnected(){this.timers.forEach(t=>clearTimeout(t)),this.timers.clear(),this.ticked.clear()}among(t){let i=t.filter(({ref:e})=>!this.ticked.has(e));return[...this.ticked.values()].sort((e,r)=>e.at-r.at).forEach(({work:e,at:r})=>i.splice(Math.min(r,i.length),0,e)),i}async tick(t,i,e,r){let a={work:e,at:r,batch_id:null};this.ticked.set(e.ref,a),this.host.requestUpdate();let p=await R(this.host,C=>new b(t).mark(i,!0,e.ref,C));if(p===void 0){this.ticked.delete(e.ref),this.host.requestUpdate();return}if(a.batch_id=p.batch_id,p.batch_id===null){this.forget(e.ref);return}this.said=d("card.ticked",{title:e.full_title}),this.host.requestUpdate(),this.timers.set(e.ref,setTimeout(()=>this.forget(e.ref),U))}async untick(t,i,e){let r=this.ticked.get(e);if(!r?.batch_id)return;let{batch_id:a}=r;clearTimeout(this.timers.get(e)),await R(this.host,()=>new b(t).undo(i,{batch_id:a}))!==void 0&&(this.said=d("card.unticked",{title:r.work.full_title})),this.forget(e)}forget(t){this.timers.delete(t),this.ticked.delete(t),this.host.requestUpdate()}};var n=class extends f{constructor(){super(...arguments);this.src=null;this.label="";this.width=400;this.missing=!1;this.there=!1}willUpdate(i){i.has("src")&&(this.missing=!1,this.there=!1)}render(){let i=this.src!==null&&!this.missing;return h`
      ${this.there&&i?v:h`<span class="none" aria-hidden="true">
        ${$("film")}<span class="title">${this.label}</span></span>`}
      ${i?h`<img alt="" loading="lazy" decoding="async" draggable="false"
        class=${this.there?"there":""} src=${k(this.src,this.width)}
        @load=${()=>{this.there=!0}} @error=${()=>{this.missing=!0}}>`:v}`}};n.styles=[g,m`
    :host {
      display: block; position: relative; overflow: hidden; aspect-ratio: 2 / 3;
      border-radius: var(--ws-round); background: var(--ws-faint);
    }
    img {
      position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover; opacity: 0;
      transition: opacity .25s;
    }
    img.there { opacity: 1; }
    .none {
      position: absolute; inset: 0; display: flex; flex-direction: column; gap: 8px;
      align-items: center; justify-content: center; padding: 8px; text-align: center;
      color: var(--ws-quiet); font-size: 12px; line-height: 1.3;
      background: linear-gradient(160deg, var(--ws-tint), var(--ws-faint));
    }
    .none .icon { width: 28px; height: 28px; opacity: .6; }
    .title { display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; }
  `],o([c()],n.prototype,"src",2),o([c()],n.prototype,"label",2),o([c({type:Number})],n.prototype,"width",2),o([y()],n.prototype,"missing",2),o([y()],n.prototype,"there",2),n=o([u("ws-picture")],n);var st={ATTRIBUTE:1,CHILD:2,PROPERTY:3,BOOLEAN_ATTRIBUTE:4,EVENT:5,ELEMENT:6},ot=s=>(...t)=>({_$litDirective$:s,values:t}),L=class{constructor(t){}get _$AU(){return this._$AM._$AU}_$AT(t,i,e){this._$Ct=t,this._$AM=i,this._$Ci=e}_$AS(t,i){return this.update(t,i)}update(t,i){return this.render(...i)}};export{st as a,ot as b,L as c,U as d,R as e,H as f};
