/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as u}from"./part-RA5GXUML.js";import{a as g}from"./part-7R5ESBIZ.js";import{e as w,f}from"./part-AATP5AOF.js";import{b as h}from"./part-KJILK6BW.js";import{a as r,c as d,d as l,i as c,j as i,m,n as y}from"./part-JNOPQXH2.js";function $(a,p){let e=p.filter(({ref:t})=>t===a.ref),o=e.find(t=>t.status==="failed");return o?{sync:"failed",error:o.last_error}:e.length?{sync:"pending",error:null}:{sync:a.sync_state,error:a.last_error}}var s=class extends c{constructor(){super(...arguments);this.whose={};this.works=[];this.waiting=[];this.others=[];this.look="posters";this.rows=0;this.label="";this.marks=new f(this)}async tick(e,o){e.watched===!0?await w(this,t=>new y(this.hass).mark(this.whose,!1,e.ref,t)):await this.marks.tick(this.hass,this.whose,e,o)}updated(){this.toggleAttribute("busy",this.marks.ticked.size>0)}render(){let e=this.marks.among(this.works),o=this.look==="posters"&&this.rows>0;return l`
      <ul class="${this.look} ${o?"sideways":""}" aria-label=${this.label}
        style=${u(o?{"--rows":String(Math.min(this.rows,e.length||1))}:{})}>
        ${g(e,t=>t.ref,(t,k)=>{let n=this.marks.ticked.get(t.ref),{sync:x,error:b}=$(n?{...t,sync_state:"synced"}:t,this.waiting);return l`<li><ws-poster .work=${t} .look=${this.look} .sync=${x} .error=${b}
            .seen=${this.others.filter(({key:v})=>t.seen_by.includes(v))}
            .ticked=${n!==void 0} .undoable=${!!n?.batch_id}
            @ws-tick=${()=>{this.tick(t,k)}}
            @ws-untick=${()=>{this.marks.untick(this.hass,this.whose,t.ref)}}></ws-poster></li>`})}
      </ul>
      <div class="unseen" role="status">${this.marks.said}</div>`}};s.styles=[h,d`
    :host { display: block; min-width: 0; }
    ul { list-style: none; margin: 0; padding: 0; }
    .posters {
      display: grid; gap: 18px 14px;
      grid-template-columns: repeat(auto-fill, minmax(var(--ws-poster, 118px), 1fr));
    }
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
  `],r([i({attribute:!1})],s.prototype,"hass",2),r([i({attribute:!1})],s.prototype,"whose",2),r([i({attribute:!1})],s.prototype,"works",2),r([i({attribute:!1})],s.prototype,"waiting",2),r([i({attribute:!1})],s.prototype,"others",2),r([i({reflect:!0})],s.prototype,"look",2),r([i({type:Number})],s.prototype,"rows",2),r([i()],s.prototype,"label",2),s=r([m("ws-shelf")],s);export{$ as a};
