/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as w}from"./part-DSWMD4BW.js";import{a as f}from"./part-Q27H5B6P.js";import{e as k}from"./part-ROBQN4EY.js";import{b as g}from"./part-LNYL6AJM.js";import{a as r,c as m,d as c,i as h,j as a,k as u,m as y}from"./part-JP7ET3O6.js";var W=148,v=14;function _(n,p){let s=p.filter(({ref:o})=>o===n.ref),i=s.find(o=>o.status==="failed");return i?{sync:"failed",error:i.last_error}:s.length?{sync:"pending",error:null}:{sync:n.sync_state,error:n.last_error}}var t=class extends h{constructor(){super(...arguments);this.whose={};this.works=[];this.waiting=[];this.others=[];this.look="posters";this.rows=0;this.label="";this.marks=new k(this);this.fit=0;this.sizes=new ResizeObserver(([s])=>{let{width:i}=s?.contentRect??{width:0};this.fit=Math.floor((i+v)/(W+v))})}connectedCallback(){super.connectedCallback(),this.sizes.observe(this)}disconnectedCallback(){super.disconnectedCallback(),this.sizes.disconnect()}async tick(s,i){let{hass:o,marks:e,whose:l}=this;await(s.watched===!0?e.unmark(o,l,s,i):e.tick(o,l,s,i))}updated(){this.toggleAttribute("busy",this.marks.ticked.size>0)}render(){let s=this.marks.among(this.works),i=this.look==="posters"&&this.rows>0,o=i&&s.length>this.rows*this.fit;return c`
      <ul class="${this.look} ${o?"sideways":i?"shelf":""}" aria-label=${this.label}
        style=${w(o?{"--rows":String(Math.min(this.rows,s.length||1))}:{})}>
        ${f(s,e=>e.ref,(e,l)=>{let d=this.marks.ticked.get(e.ref),{sync:b,error:x}=_(d?{...e,sync_state:"synced"}:e,this.waiting);return c`<li><ws-poster .work=${e} .look=${this.look} .sync=${b} .error=${x}
            .seen=${this.others.filter(({key:$})=>e.seen_by.includes($))}
            .ticked=${d!==void 0} .undoable=${!!d?.batch_id}
            @ws-tick=${()=>{this.tick(e,l)}}
            @ws-untick=${()=>{this.marks.untick(this.hass,this.whose,e.ref)}}></ws-poster></li>`})}
      </ul>
      <div class="unseen" role="status">${this.marks.said}</div>`}};t.styles=[g,m`
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
  `],r([a({attribute:!1})],t.prototype,"hass",2),r([a({attribute:!1})],t.prototype,"whose",2),r([a({attribute:!1})],t.prototype,"works",2),r([a({attribute:!1})],t.prototype,"waiting",2),r([a({attribute:!1})],t.prototype,"others",2),r([a({reflect:!0})],t.prototype,"look",2),r([a({type:Number})],t.prototype,"rows",2),r([a()],t.prototype,"label",2),r([u()],t.prototype,"fit",2),t=r([y("ws-shelf")],t);export{_ as a};
