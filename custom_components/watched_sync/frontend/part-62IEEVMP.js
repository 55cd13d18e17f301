/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{b as u,c as r}from"./part-E5MLIPED.js";import{a as h}from"./part-YINXUWLS.js";import{c,d as e,g as s,n as l,w as i}from"./part-ZGNXT5CQ.js";var m=class{constructor(t){this.host=t;this.text="";this.say=(t,o)=>{clearTimeout(this.timer),this.text=t,this.undo=o,this.timer=setTimeout(()=>this.clear(),u),this.host.requestUpdate()};t.addController(this)}hostDisconnected(){this.clear()}clear(){clearTimeout(this.timer),this.text="",this.undo=void 0,this.host.requestUpdate()}async change(t,o,x,v){let a=new l(t),d=await r(this.host,n=>v(a,n),this.say);if(d===void 0)return!1;let{batch_id:p}=d;return p===null?(this.say(i("notice.nothing")),!0):(this.say(x,()=>{this.clear(),r(this.host,()=>a.undo(o,{batch_id:p}),this.say).then(n=>n&&this.say(i("notice.undone")))}),!0)}render(){return e`<div class="notice-place" role="status">${this.text?e`
      <div class="notice"><span>${this.text}</span>${this.undo?e`
        <button class="pill" @click=${this.undo}>${h("undo")}${i("card.undo")}</button>`:s}
      </div>`:s}</div>`}static{this.styles=c`
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
  `}};export{m as a};
