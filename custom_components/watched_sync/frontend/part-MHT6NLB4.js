/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as x}from"./part-HZDFMT7T.js";import{a as $}from"./part-KK4QBCYA.js";import{e as W}from"./part-ROBQN4EY.js";import{b as k}from"./part-LNYL6AJM.js";import{a as o,c as w,d as u,i as v,j as a,k as f,m as b}from"./part-JP7ET3O6.js";var A=148,P=14;function L(d,y){let t=y.filter(({ref:i})=>i===d.ref),s=t.find(i=>i.status==="failed");return s?{sync:"failed",error:s.last_error}:t.length?{sync:"pending",error:null}:{sync:d.sync_state,error:d.last_error}}var r=class extends v{constructor(){super(...arguments);this.whose={};this.works=[];this.waiting=[];this.others=[];this.look="posters";this.rows=0;this.label="";this.marks=new W(this);this.fit=0;this.active="";this.sizes=new ResizeObserver(([t])=>{let{width:s}=t?.contentRect??{width:0};this.fit=Math.floor((s+P)/(A+P))})}connectedCallback(){super.connectedCallback(),this.sizes.observe(this)}disconnectedCallback(){super.disconnectedCallback(),this.sizes.disconnect()}move(t){let s=[...this.renderRoot.querySelectorAll("ws-poster")],i=s.indexOf(t.target);if(i<0||t.altKey||t.ctrlKey||t.metaKey)return;let n=this.matches(":dir(rtl)")?-1:1,e=s.filter(m=>m.offsetLeft===s[0]?.offsetLeft).length,h=s.filter(m=>m.offsetTop===s[0]?.offsetTop).length,[l,c]=this.isSideways(s.length)?[e,1]:[1,h],p={ArrowRight:l*n,ArrowLeft:-l*n,ArrowDown:c,ArrowUp:-c,Home:-i,End:s.length-1-i}[t.key];p!==void 0&&(t.preventDefault(),s[Math.max(0,Math.min(s.length-1,i+p))]?.focus())}isSideways(t){return this.look==="posters"&&this.rows>0&&t>this.rows*this.fit}async tick(t,s){let{hass:i,marks:n,whose:e}=this;await(t.watched===!0?n.unmark(i,e,t,s):n.tick(i,e,t,s))}updated(){this.toggleAttribute("busy",this.marks.ticked.size>0)}render(){let t=this.marks.among(this.works),s=this.look==="posters"&&this.rows>0,i=this.isSideways(t.length),n=t.find(({ref:e})=>e===this.active)??t[0];return u`
      <ul class="${this.look} ${i?"sideways":s?"shelf":""}" aria-label=${this.label}
        style=${x(i?{"--rows":String(Math.min(this.rows,t.length||1))}:{})}
        @keydown=${this.move}>
        ${$(t,e=>e.ref,(e,h)=>{let l=this.marks.ticked.get(e.ref),{sync:c,error:g}=L(l?{...e,sync_state:"synced"}:e,this.waiting);return u`<li @focusin=${()=>{this.active=e.ref}}><ws-poster .work=${e} .reachable=${e===n} .look=${this.look} .sync=${c} .error=${g}
            .seen=${this.others.filter(({key:p})=>e.seen_by.includes(p))}
            .ticked=${l!==void 0} .undoable=${!!l?.batch_id}
            @ws-tick=${()=>{this.tick(e,h)}}
            @ws-untick=${()=>{this.marks.untick(this.hass,this.whose,e.ref)}}></ws-poster></li>`})}
      </ul>
      <div class="unseen" role="status">${this.marks.said}</div>`}};r.styles=[k,w`
    :host { display: block; min-width: 0; }
    ul { list-style: none; margin: 0; padding: 0; }
    .posters {
      display: grid; gap: 18px 14px;
      grid-template-columns: repeat(auto-fill, minmax(var(--ws-poster, 118px), 1fr));
    }
    .shelf { grid-template-columns: repeat(auto-fill, minmax(var(--ws-poster, 148px), 1fr)); }
    .sideways {
      grid-template-columns: none; grid-template-rows: repeat(var(--rows), auto);
      grid-auto-flow: column; grid-auto-columns: clamp(104px, 27%, var(--ws-poster, 148px));
      overflow-x: auto; overscroll-behavior-x: contain; scroll-snap-type: x proximity;
      scrollbar-width: thin; scrollbar-color: var(--ws-line) transparent;
      margin: -6px calc(-1 * var(--ws-edge, 0px)) 0;
      padding: 6px var(--ws-edge, 0px) 8px; scroll-padding-inline: var(--ws-edge, 0px);
    }
    .sideways li { scroll-snap-align: start; min-width: 0; }
    .list { display: grid; gap: 4px; }
    .list li { padding: 6px 0; }
    .list li + li { border-block-start: 1px solid var(--ws-line); padding-block-start: 10px; }
  `],o([a({attribute:!1})],r.prototype,"hass",2),o([a({attribute:!1})],r.prototype,"whose",2),o([a({attribute:!1})],r.prototype,"works",2),o([a({attribute:!1})],r.prototype,"waiting",2),o([a({attribute:!1})],r.prototype,"others",2),o([a({reflect:!0})],r.prototype,"look",2),o([a({type:Number})],r.prototype,"rows",2),o([a()],r.prototype,"label",2),o([f()],r.prototype,"fit",2),o([f()],r.prototype,"active",2),r=o([b("ws-shelf")],r);export{L as a};
