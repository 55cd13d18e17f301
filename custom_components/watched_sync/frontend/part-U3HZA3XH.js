/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{b as m,c as r}from"./part-ROBQN4EY.js";import{a as u}from"./part-LNYL6AJM.js";import{c as l,d as e,g as s,n as h,w as i}from"./part-JP7ET3O6.js";var x=class{constructor(t){this.host=t;this.text="";this.say=(t,o)=>{clearTimeout(this.timer),this.text=t,this.undo=o,this.timer=setTimeout(()=>this.clear(),m),this.host.requestUpdate()};t.addController(this)}hostDisconnected(){this.clear()}clear(){clearTimeout(this.timer),this.text="",this.undo=void 0,this.host.requestUpdate()}async change(t,o,v,f,a){let d=new h(t),p=await r(this.host,n=>f(d,n),this.say);if(p===void 0)return!1;let{batch_id:c}=p;return a("done"),c===null?(this.say(i("notice.nothing")),!0):(this.say(v,()=>{this.clear(),r(this.host,()=>d.undo(o,{batch_id:c}),this.say).then(n=>{n&&(a("undone"),this.say(i("notice.undone")))})}),!0)}render(){return e`<div class="notice-place" role="status">${this.text?e`
      <div class="notice"><span>${this.text}</span>${this.undo?e`
        <button class="pill" @click=${this.undo}>${u("undo")}${i("card.undo")}</button>`:s}
      </div>`:s}</div>`}static{this.styles=l`
    .notice-place {
      position: sticky; bottom: 12px; z-index: 2; display: flex; justify-content: center;
      pointer-events: none;
    }
    .notice {
      display: flex; align-items: center; gap: 12px; padding: 6px 6px 6px 18px; min-height: 52px;
      border-radius: 26px; background: var(--ws-text); color: var(--ws-card); font-size: 14px;
      max-width: 100%; box-shadow: 0 4px 16px rgb(0 0 0 / 25%); pointer-events: auto;
      padding-inline: 18px 6px;
    }
    .notice .pill { background: color-mix(in srgb, var(--ws-card) 22%, transparent); }
    .notice .pill:hover:not(:disabled) { background: color-mix(in srgb, var(--ws-card) 34%, transparent); }
    .notice span:only-child { padding-inline-end: 12px; }
  `}};export{x as a};
