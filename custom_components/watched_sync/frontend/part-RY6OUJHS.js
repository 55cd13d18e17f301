/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as g}from"./part-G4TR7REG.js";import{a as f}from"./part-QMCETOVA.js";import{c as k,d as v}from"./part-E5MLIPED.js";import{b as w}from"./part-YINXUWLS.js";import{a as e,c,d,i as m,j as o,k as h,m as u,n as y}from"./part-ZGNXT5CQ.js";var z=148,b=14;function P(n,p){let s=p.filter(({ref:a})=>a===n.ref),r=s.find(a=>a.status==="failed");return r?{sync:"failed",error:r.last_error}:s.length?{sync:"pending",error:null}:{sync:n.sync_state,error:n.last_error}}var t=class extends m{constructor(){super(...arguments);this.whose={};this.works=[];this.waiting=[];this.others=[];this.look="posters";this.rows=0;this.label="";this.marks=new v(this);this.fit=0;this.sizes=new ResizeObserver(([s])=>{let{width:r}=s?.contentRect??{width:0};this.fit=Math.floor((r+b)/(z+b))})}connectedCallback(){super.connectedCallback(),this.sizes.observe(this)}disconnectedCallback(){super.disconnectedCallback(),this.sizes.disconnect()}async tick(s,r){s.watched===!0?await k(this,a=>new y(this.hass).mark(this.whose,!1,s.ref,a)):await this.marks.tick(this.hass,this.whose,s,r)}updated(){this.toggleAttribute("busy",this.marks.ticked.size>0)}render(){let s=this.marks.among(this.works),r=this.look==="posters"&&this.rows>0,a=r&&s.length>this.rows*this.fit;return d`
      <ul class="${this.look} ${a?"sideways":r?"shelf":""}" aria-label=${this.label}
        style=${g(a?{"--rows":String(Math.min(this.rows,s.length||1))}:{})}>
        ${f(s,i=>i.ref,(i,x)=>{let l=this.marks.ticked.get(i.ref),{sync:$,error:W}=P(l?{...i,sync_state:"synced"}:i,this.waiting);return d`<li><ws-poster .work=${i} .look=${this.look} .sync=${$} .error=${W}
            .seen=${this.others.filter(({key:_})=>i.seen_by.includes(_))}
            .ticked=${l!==void 0} .undoable=${!!l?.batch_id}
            @ws-tick=${()=>{this.tick(i,x)}}
            @ws-untick=${()=>{this.marks.untick(this.hass,this.whose,i.ref)}}></ws-poster></li>`})}
      </ul>
      <div class="unseen" role="status">${this.marks.said}</div>`}};t.styles=[w,c`
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
  `],e([o({attribute:!1})],t.prototype,"hass",2),e([o({attribute:!1})],t.prototype,"whose",2),e([o({attribute:!1})],t.prototype,"works",2),e([o({attribute:!1})],t.prototype,"waiting",2),e([o({attribute:!1})],t.prototype,"others",2),e([o({reflect:!0})],t.prototype,"look",2),e([o({type:Number})],t.prototype,"rows",2),e([o()],t.prototype,"label",2),e([h()],t.prototype,"fit",2),t=e([u("ws-shelf")],t);export{P as a};
