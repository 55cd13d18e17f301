/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{b}from"./part-YINXUWLS.js";import{C as y,a as c,c as h,d as p,i as u,j as l,l as f,m as g,n as m,q as k,r as v,w as n}from"./part-ZGNXT5CQ.js";var a=class extends u{constructor(){super(...arguments);this.text="";this.yes="";this.answer=()=>{}}firstUpdated(){this.dialog.showModal()}render(){return p`<dialog role="alertdialog" aria-describedby="text" aria-label=${n("ask.title")}
      @close=${()=>this.answer(this.dialog.returnValue==="yes")}>
      <p id="text">${this.text}</p>
      <form method="dialog">
        <button class="pill" value="no">${n("ask.cancel")}</button>
        <button class="pill main" value="yes">${this.yes}</button>
      </form>
    </dialog>`}};a.styles=[b,h`
    dialog {
      border: 0; border-radius: 20px; padding: 24px; max-width: min(420px, calc(100vw - 32px));
      background: var(--ws-card); color: var(--ws-text); font-size: 16px; line-height: 1.5;
    }
    dialog::backdrop { background: rgb(0 0 0 / 50%); }
    p { margin: 0 0 20px; }
    form { display: flex; justify-content: flex-end; gap: 8px; flex-wrap: wrap; }
  `],c([l()],a.prototype,"text",2),c([l()],a.prototype,"yes",2),c([f("dialog")],a.prototype,"dialog",2),a=c([g("ws-ask")],a);function x(s,i,r){return new Promise(t=>{let e=document.createElement("ws-ask");e.text=i,e.yes=r,e.answer=o=>{e.remove(),t(o)},(s.shadowRoot??document.body).append(e)})}var H=1e4,M=["mark_needs_confirmation","unmark_needs_confirmation","unknown_size_needs_confirmation"],W=s=>i=>{v(s,"hass-notification",{message:i})};async function w(s,i,r=W(s)){let t={};for(;;)try{return await i(t)}catch(e){if(!k(e))throw e;if(t.confirm||!M.includes(e.translation_key??"")){r(y(e));return}let o=e.translation_placeholders?.count,d=o?n("ask.many",{count:o}):n("ask.unknown");if(!await x(s,d,n("ask.go_on")))return;t={confirm:!0}}}var _=class{constructor(i){this.host=i;this.ticked=new Map;this.said="";this.timers=new Map;i.addController(this)}hostConnected(){}hostDisconnected(){this.timers.forEach(i=>clearTimeout(i)),this.timers.clear(),this.ticked.clear()}among(i){let r=i.filter(({ref:t})=>!this.ticked.has(t));return[...this.ticked.values()].sort((t,e)=>t.at-e.at).forEach(({work:t,at:e})=>r.splice(Math.min(e,r.length),0,t)),r}async tick(i,r,t,e){let o={work:t,at:e,batch_id:null};this.ticked.set(t.ref,o),this.host.requestUpdate();let d=await w(this.host,T=>new m(i).mark(r,!0,t.ref,T));if(d===void 0){this.ticked.delete(t.ref),this.host.requestUpdate();return}if(o.batch_id=d.batch_id,d.batch_id===null){this.forget(t.ref);return}this.said=n("card.ticked",{title:t.full_title}),this.host.requestUpdate(),this.timers.set(t.ref,setTimeout(()=>this.forget(t.ref),H))}async untick(i,r,t){let e=this.ticked.get(t);if(!e?.batch_id)return;let{batch_id:o}=e;clearTimeout(this.timers.get(t)),await w(this.host,()=>new m(i).undo(r,{batch_id:o}))!==void 0&&(this.said=n("card.unticked",{title:e.work.full_title})),this.forget(t)}forget(i){this.timers.delete(i),this.ticked.delete(i),this.host.requestUpdate()}};export{x as a,H as b,w as c,_ as d};
