/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as j,b as B,c as T}from"./part-MGZGWVWM.js";import{a as h,b as z}from"./part-BEXR3Z6B.js";import{B as k,C as S,a as d,c as x,d as n,f as g,g as c,i as m,j as p,m as w,r as y,v as $,w as s,y as v}from"./part-SBIJS2AT.js";var _="important",A=" !"+_,q=B(class extends T{constructor(e){if(super(e),e.type!==j.ATTRIBUTE||e.name!=="style"||e.strings?.length>2)throw Error("The `styleMap` directive must be used in the `style` attribute and must be the only part in the attribute.")}render(e){return Object.keys(e).reduce((o,t)=>{let i=e[t];return i==null?o:o+`${t=t.includes("-")?t:t.replace(/(?:^(webkit|moz|ms|o)|)(?=[A-Z])/g,"-$&").toLowerCase()}:${i};`},"")}update(e,[o]){let{style:t}=e.element;if(this.ft===void 0)return this.ft=new Set(Object.keys(o)),this.render(o);for(let i of this.ft)o[i]==null&&(this.ft.delete(i),i.includes("-")?t.removeProperty(i):t[i]=null);for(let i in o){let a=o[i];if(a!=null){this.ft.add(i);let l=typeof a=="string"&&a.endsWith(A);i.includes("-")||l?t.setProperty(i,l?a.slice(0,-11):a,l?_:""):t[i]=a}}return g}});function E(e){if(e.kind==="episode")return{title:e.show??e.title,below:[e.number,e.title].filter(Boolean).join(" · ")};let o=e.kind==="show"&&e.episodes&&typeof e.watched_episodes=="number"?s("work.of",{count:e.watched_episodes,all:e.episodes}):"";return{title:e.title,below:[e.year??"",o].filter(Boolean).join(" · ")}}function C(e){return e.kind==="show"?e.episodes?(e.watched_episodes??0)/e.episodes:0:e.duration?Math.min(1,e.position/e.duration):0}var r=class extends m{constructor(){super();this.ticked=!1;this.undoable=!1;this.sync="synced";this.error=null;this.look="posters";new $(this)}focus(){this.renderRoot.querySelector(".open")?.focus()}send(t){y(this,t,this.work)}render(){let{work:t}=this,{title:i,below:a}=E(t),l=C(t),f=this.sync==="failed",b=t.duration&&l>0&&l<1&&!this.ticked&&t.kind!=="show"?s("work.left",{time:S(t.duration-t.position)}):"",u=f&&this.error?v(this.error):"",M=[t.full_title,t.watched||this.ticked?s("state.watched"):"",b,t.unaired&&t.aired?s("work.airs",{day:k(t.aired)}):"",f?`${s("state.failed")}: ${u}`:"",this.sync==="pending"||this.sync==="syncing"?s("state.pending"):""].filter(Boolean).join(", ");return n`
      <div class="whole ${t.unaired?"unaired":""} ${this.ticked?"ticked":""}">
        <button class="open" aria-label=${M} aria-haspopup="dialog" @click=${()=>this.send("ws-open")}>
          <span class="frame">
            <ws-picture src=${t.picture??c} .label=${i}></ws-picture>
            ${l>0&&!this.ticked?n`<span class="bar"><span
              style=${q({inlineSize:`${(l*100).toFixed(1)}%`})}></span></span>`:c}
          </span>
          <span class="text" aria-hidden="true">
            <span class="line title">${i}</span>
            <span class="line quiet">${a}</span>
            ${u?n`<span class="line bad" title=${u}>${u}</span>`:b?n`<span class="line quiet left">${b}</span>`:c}
          </span>
        </button>
        ${this.renderState(f,u)}
        ${this.renderAction()}
      </div>`}renderState(t,i){return t?n`<span class="state failed" title=${i}>${h("alert")}</span>`:this.sync==="synced"?c:n`<span class="state waits" title=${s("state.pending")}>${h("cloud")}</span>`}renderAction(){let{work:t}=this;if(this.ticked)return n`<span class="mark"></span>${this.undoable?n`
        <button class="undo" aria-label=${`${s("card.undo")}: ${t.full_title}`}
          @click=${()=>this.send("ws-untick")}>${h("undo")}<span>${s("card.undo")}</span></button>`:c}`;if(t.unaired)return t.aired?n`<span class="when" aria-hidden="true">${k(t.aired)}</span>`:c;let i=t.watched===!0;return n`<button class="tick ${i?"on":""}" aria-pressed=${i?"true":"false"}
      aria-label=${s(i?"card.unmark":"card.mark",{title:t.full_title})}
      title=${s(i?"state.watched":"card.tick")}
      @click=${()=>this.send("ws-tick")}><span>${h("check")}</span></button>`}};r.styles=[z,x`
    :host { display: block; min-width: 0; }
    .whole { position: relative; }
    .open { display: block; width: 100%; border-radius: var(--ws-round); }
    .frame {
      display: block; position: relative; border-radius: var(--ws-round); overflow: hidden;
      box-shadow: 0 1px 3px rgb(0 0 0 / 18%); transition: transform .18s, box-shadow .18s;
    }
    :host([look='posters']) .open:hover .frame { transform: translateY(-2px); box-shadow: 0 6px 16px rgb(0 0 0 / 28%); }
    .text { display: grid; gap: 1px; padding: 8px 2px 0; font-size: 12px; line-height: 16px; }
    .title { font-size: 14px; line-height: 19px; font-weight: 500; }
    .bar {
      position: absolute; inset-inline: 8px; bottom: 8px; height: 5px; border-radius: 3px;
      background: rgb(0 0 0 / 55%); overflow: hidden;
    }
    .bar span { display: block; height: 100%; border-radius: 3px; background: var(--ws-accent); }
    .tick { position: absolute; inset-block-start: 0; inset-inline-end: 0; width: 48px; height: 48px; display: grid; place-items: center; }
    .tick span {
      display: grid; place-items: center; width: 32px; height: 32px; border-radius: 50%;
      background: rgb(20 20 20 / 62%); color: #fff; border: 1.5px solid rgb(255 255 255 / 75%);
      font-size: 15px; transition: background-color .15s, transform .15s;
    }
    .tick:hover span { background: #1b7a3d; border-color: #fff; transform: scale(1.08); }
    .tick.on span { background: #1b7a3d; border-color: transparent; }
    .tick:focus-visible { outline: none; }
    .tick:focus-visible span { outline: 3px solid var(--ws-accent); outline-offset: 1px; }
    .state {
      position: absolute; inset-block-start: 8px; inset-inline-start: 8px; display: grid; place-items: center;
      width: 30px; height: 30px; border-radius: 50%; background: rgb(20 20 20 / 62%); color: #fff; font-size: 14px;
    }
    .state.failed { background: #b3261e; }
    .unaired ws-picture { filter: grayscale(.7); opacity: .5; }
    .when {
      position: absolute; inset-block-start: 8px; inset-inline-end: 8px; max-width: calc(100% - 16px);
      padding: 3px 9px; border-radius: 12px; background: rgb(20 20 20 / 75%); color: #fff; font-size: 12px;
    }
    .ticked ws-picture { filter: grayscale(1) brightness(.55); }
    .ticked .text { opacity: .7; }
    .undo {
      position: absolute; inset-inline: 8px; inset-block-start: 0; margin-block-start: calc(75% - 22px);
      display: flex; align-items: center; justify-content: center; gap: 8px; height: 44px; border-radius: 22px;
      background: #fff; color: #141414; font-size: 14px; font-weight: 500; overflow: hidden;
    }
    .undo::after {
      content: ''; position: absolute; inset-inline-start: 0; bottom: 0; height: 3px; width: 100%;
      background: var(--ws-accent); transform-origin: left; animation: run 10s linear forwards;
    }
    :host(:dir(rtl)) .undo::after { transform-origin: right; }
    @keyframes run { to { transform: scaleX(0); } }

    :host([look='list']) .open { display: grid; grid-template-columns: 52px 1fr; gap: 14px; align-items: center; padding-inline-end: 56px; }
    :host([look='list']) .text { padding: 0; }
    :host([look='list']) .bar { inset-inline: 4px; bottom: 4px; height: 4px; }
    :host([look='list']) ws-picture { --ws-round: 8px; }
    :host([look='list']) .frame { border-radius: 8px; }
    :host([look='list']) .tick { inset-block-start: calc(50% - 24px); }
    :host([look='list']) .tick span { background: none; color: var(--ws-quiet); border-color: var(--ws-line); }
    :host([look='list']) .tick:hover span, :host([look='list']) .tick.on span { color: #fff; background: #1b7a3d; }
    :host([look='list']) .state { inset-block-start: calc(50% - 15px); inset-inline: auto 52px; background: none; color: var(--ws-quiet); }
    :host([look='list']) .state.failed { color: var(--ws-error); }
    :host([look='list']) .when { inset-block-start: calc(50% - 13px); background: var(--ws-faint); color: var(--ws-text); }
    :host([look='list']) .undo {
      inset-inline: auto 0; inset-block-start: calc(50% - 22px); margin: 0; padding: 0 16px;
      background: var(--ws-tint); color: var(--ws-text);
    }
    :host([look='list']) .ticked .state { inset-inline-end: 120px; }
  `],d([p({attribute:!1})],r.prototype,"work",2),d([p({type:Boolean})],r.prototype,"ticked",2),d([p({type:Boolean})],r.prototype,"undoable",2),d([p({attribute:!1})],r.prototype,"sync",2),d([p({attribute:!1})],r.prototype,"error",2),d([p({reflect:!0})],r.prototype,"look",2),r=d([w("ws-poster")],r);export{q as a,C as b};
