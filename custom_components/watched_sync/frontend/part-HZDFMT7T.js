/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{e as E}from"./part-DGKIOJ55.js";import{a as B,b as T}from"./part-JXQHR3UF.js";import{a as W,b as _,c as q}from"./part-VEOD2X3I.js";import{a as u,b as j}from"./part-LNYL6AJM.js";import{I as k,K as z,a as l,c as g,d as i,f as m,g as d,i as w,j as p,m as y,r as $,v,w as o,y as S}from"./part-JP7ET3O6.js";var A="important",L=" !"+A,C=_(class extends q{constructor(e){if(super(e),e.type!==W.ATTRIBUTE||e.name!=="style"||e.strings?.length>2)throw Error("The `styleMap` directive must be used in the `style` attribute and must be the only part in the attribute.")}render(e){return Object.keys(e).reduce((r,t)=>{let s=e[t];return s==null?r:r+`${t=t.includes("-")?t:t.replace(/(?:^(webkit|moz|ms|o)|)(?=[A-Z])/g,"-$&").toLowerCase()}:${s};`},"")}update(e,[r]){let{style:t}=e.element;if(this.ft===void 0)return this.ft=new Set(Object.keys(r)),this.render(r);for(let s of this.ft)r[s]==null&&(this.ft.delete(s),s.includes("-")?t.removeProperty(s):t[s]=null);for(let s in r){let c=r[s];if(c!=null){this.ft.add(s);let a=typeof c=="string"&&c.endsWith(L);s.includes("-")||a?t.setProperty(s,a?c.slice(0,-11):c,a?A:""):t[s]=c}}return m}});function D(e){if(e.kind==="episode")return{title:e.show??e.title,below:[e.number,e.title].filter(Boolean).join(" · ")};let r=e.kind==="show"&&e.episodes&&typeof e.watched_episodes=="number"?o("work.of",{count:e.watched_episodes,all:e.episodes}):"";return{title:e.title,below:[e.year??"",r].filter(Boolean).join(" · ")}}function F(e){return e.kind==="show"?e.episodes?(e.watched_episodes??0)/e.episodes:0:e.duration?Math.min(1,e.position/e.duration):0}var n=class extends w{constructor(){super();this.ticked=!1;this.undoable=!1;this.sync="synced";this.error=null;this.seen=[];this.look="posters";this.reachable=!0;new v(this)}focus(t){this.renderRoot.querySelector(".open")?.focus(t)}press(t){t.key===" "&&(t.preventDefault(),!(t.type!=="keydown"||t.repeat||this.work.unaired)&&(this.ticked?this.undoable&&this.send("ws-untick"):this.send("ws-tick")))}send(t){$(this,t,this.work)}render(){let{work:t}=this,{title:s,below:c}=D(t),a=F(t),b=this.sync==="failed",f=t.duration&&a>0&&a<1&&!this.ticked&&t.kind!=="show"?o("work.left",{time:z(t.duration-t.position)}):"",h=b&&this.error?S(this.error):"",x=[t.watched||this.ticked?o("state.watched"):"",t.unaired&&t.aired?o("work.airs",{day:k(t.aired)}):"",this.seen.length?`${o("work.seen_by")} ${this.seen.map(({name:O})=>O).join(", ")}`:"",b?o("state.failed"):"",this.sync==="pending"||this.sync==="syncing"?o("state.pending"):""].filter(Boolean).join(", ");return i`
      <div class="whole ${t.unaired?"unaired":""} ${this.ticked?"ticked":""}">
        <button class="open" aria-haspopup="dialog" tabindex=${this.reachable?0:-1}
          aria-keyshortcuts=${t.unaired?d:"Space"} @keydown=${this.press} @keyup=${this.press}
          @click=${()=>this.send("ws-open")}>
          <span class="frame">
            <ws-picture src=${t.picture??d} .label=${s}></ws-picture>
            ${a>0&&a<1&&!this.ticked?i`<span class="bar"><span
              style=${C({inlineSize:`${(a*100).toFixed(1)}%`})}></span></span>`:d}
            ${this.seen.length&&!this.ticked?i`<span class="seen ${a>0&&a<1?"above":""}">
              ${this.seen.slice(0,4).map(B)}</span>`:d}
          </span>
          <span class="text">
            <span class="line title">${s}</span>
            <span class="below quiet ${h||f?"line":""}">${c}</span>
            ${h?i`<span class="why bad" title=${h}>${h}</span>`:f?i`<span class="line quiet left">${f}</span>`:d}
          </span>
          ${x?i`<span class="unseen">, ${x}</span>`:d}
        </button>
        ${this.renderState(b,h)}
        ${this.renderAction()}
      </div>`}renderState(t,s){return t?i`<span class="state failed" title=${s}>${u("alert")}</span>`:this.sync==="synced"?d:i`<span class="state waits" title=${o("state.pending")}>${u("cloud")}</span>`}renderAction(){let{work:t}=this;if(this.ticked)return i`<span class="tick on" aria-hidden="true"><span>${u("check")}</span></span>${this.undoable?i`
        <button class="undo" aria-label=${`${o("card.undo")}: ${t.full_title}`}
          @click=${()=>this.send("ws-untick")}>${u("undo")}<span>${o("card.undo")}</span></button>`:d}`;if(t.unaired)return t.aired?i`<span class="when" aria-hidden="true">${k(t.aired)}</span>`:d;let s=t.watched===!0;return i`<button class="tick ${s?"on":""}" tabindex="-1" aria-pressed=${s?"true":"false"}
      aria-label=${o(s?"card.unmark":"card.mark",{title:t.full_title})}
      title=${o(s?"state.watched":"card.tick")}
      @click=${()=>this.send("ws-tick")}><span>${u("check")}</span></button>`}};n.styles=[j,T,g`
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
    @media (max-width: 600px) {
      :host([look='posters']) .title {
        display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; white-space: normal;
      }
    }
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
    .tick.on span { background: #1b7a3d; border-color: #fff; }
    .tick:focus-visible { outline: none; }
    .tick:focus-visible span { outline: 3px solid var(--ws-accent); outline-offset: 1px; }
    .state {
      position: absolute; inset-block-start: 8px; inset-inline-start: 8px; display: grid; place-items: center;
      width: 30px; height: 30px; border-radius: 50%; background: rgb(20 20 20 / 62%); color: #fff; font-size: 14px;
    }
    .state.failed { background: #b3261e; }
    .why, .below:not(.line) { display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; }
    .seen { position: absolute; inset-block-end: 8px; inset-inline-start: 8px; display: flex; }
    .seen.above { inset-block-end: 20px; }
    .seen .face { width: 24px; height: 24px; font-size: 9px; box-shadow: 0 0 0 1.5px rgb(20 20 20 / 60%); }
    .seen .face + .face { margin-inline-start: -6px; }
    .unaired ws-picture { filter: grayscale(.7); opacity: .5; }
    .when {
      position: absolute; inset-block-start: 8px; inset-inline-end: 8px; max-width: calc(100% - 16px);
      padding: 3px 9px; border-radius: 12px; background: rgb(20 20 20 / 75%); color: #fff; font-size: 12px;
    }
    .ticked ws-picture { filter: grayscale(1) brightness(.55); }
    .undo {
      position: absolute; inset-inline: 8px; inset-block-start: 0; margin-block-start: calc(75% - 22px);
      display: flex; align-items: center; justify-content: center; gap: 8px; height: 44px; border-radius: 22px;
      background: #fff; color: #141414; font-size: 14px; font-weight: 500; overflow: hidden;
    }
    .undo > * { position: relative; }
    .undo::before {
      content: ''; position: absolute; inset: 0; background: color-mix(in srgb, var(--ws-accent) 30%, #fff);
      transform-origin: left; animation: run 10s linear forwards;
    }
    :host(:dir(rtl)) .undo::before { transform-origin: right; }
    .undo:hover { box-shadow: 0 0 0 2px rgb(255 255 255 / 55%); }
    @keyframes run { to { transform: scaleX(0); } }

    :host([look='list']) .open { display: grid; grid-template-columns: 52px 1fr; gap: 14px; align-items: center; padding-inline-end: 56px; }
    :host([look='list']) .text { padding: 0; }
    :host([look='list']) .bar { inset-inline: 4px; bottom: 4px; height: 4px; }
    :host([look='list']) ws-picture { --ws-round: 8px; }
    :host([look='list']) .frame { border-radius: 8px; }
    :host([look='list']) .tick { inset-block-start: calc(50% - 24px); }
    :host([look='list']) .tick span { background: none; color: var(--ws-quiet); border-color: var(--ws-line); }
    :host([look='list']) .tick:hover span, :host([look='list']) .tick.on span { color: #fff; background: #1b7a3d; border-color: transparent; }
    :host([look='list']) .state { inset-block-start: calc(50% - 15px); inset-inline: auto 52px; background: none; color: var(--ws-quiet); }
    :host([look='list']) .state.failed { color: var(--ws-error); }
    :host([look='list']) .when { inset-block-start: calc(50% - 13px); background: var(--ws-faint); color: var(--ws-text); }
    :host([look='list']) .undo::before { background: color-mix(in srgb, var(--ws-accent) 28%, var(--ws-card)); }
    :host([look='list']) .seen { display: none; }
    :host([look='list']) .ticked .tick { display: none; }
    :host([look='list']) .undo {
      inset-inline: auto 0; inset-block-start: calc(50% - 22px); margin: 0; padding: 0 16px;
      background: var(--ws-tint); color: var(--ws-text);
    }
    :host([look='list']) .ticked .state { inset-inline-end: 120px; }
  `],l([p({attribute:!1})],n.prototype,"work",2),l([p({type:Boolean})],n.prototype,"ticked",2),l([p({type:Boolean})],n.prototype,"undoable",2),l([p({attribute:!1})],n.prototype,"sync",2),l([p({attribute:!1})],n.prototype,"error",2),l([p({attribute:!1,hasChanged:E})],n.prototype,"seen",2),l([p({reflect:!0})],n.prototype,"look",2),l([p({attribute:!1})],n.prototype,"reachable",2),n=l([y("ws-poster")],n);export{C as a,F as b};
