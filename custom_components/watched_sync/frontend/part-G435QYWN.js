/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as u}from"./part-MJKTZGJW.js";import{a as w}from"./part-HWSFG2I6.js";import{e as g,f}from"./part-BDEEEBUB.js";import{b as h}from"./part-MOSS2EEM.js";import{a as r,c as d,d as l,i as c,j as i,m,n as y}from"./part-A6PSBI2K.js";function $(a,p){let e=p.filter(({ref:s})=>s===a.ref),o=e.find(s=>s.status==="failed");return o?{sync:"failed",error:o.last_error}:e.length?{sync:"pending",error:null}:{sync:a.sync_state,error:a.last_error}}var t=class extends c{constructor(){super(...arguments);this.whose={};this.works=[];this.waiting=[];this.others=[];this.look="posters";this.rows=0;this.label="";this.marks=new f(this)}async tick(e,o){e.watched===!0?await g(this,s=>new y(this.hass).mark(this.whose,!1,e.ref,s)):await this.marks.tick(this.hass,this.whose,e,o)}render(){let e=this.marks.among(this.works),o=this.look==="posters"&&this.rows>0;return l`
      <ul class="${this.look} ${o?"sideways":""}" aria-label=${this.label}
        style=${u(o?{"--rows":String(Math.min(this.rows,e.length||1))}:{})}>
        ${w(e,s=>s.ref,(s,k)=>{let n=this.marks.ticked.get(s.ref),{sync:x,error:b}=$(n?{...s,sync_state:"synced"}:s,this.waiting);return l`<li><ws-poster .work=${s} .look=${this.look} .sync=${x} .error=${b}
            .seen=${this.others.filter(({key:v})=>s.seen_by.includes(v))}
            .ticked=${n!==void 0} .undoable=${!!n?.batch_id}
            @ws-tick=${()=>{this.tick(s,k)}}
            @ws-untick=${()=>{this.marks.untick(this.hass,this.whose,s.ref)}}></ws-poster></li>`})}
      </ul>
      <div class="unseen" role="status">${this.marks.said}</div>`}};t.styles=[h,d`
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
  `],r([i({attribute:!1})],t.prototype,"hass",2),r([i({attribute:!1})],t.prototype,"whose",2),r([i({attribute:!1})],t.prototype,"works",2),r([i({attribute:!1})],t.prototype,"waiting",2),r([i({attribute:!1})],t.prototype,"others",2),r([i({reflect:!0})],t.prototype,"look",2),r([i({type:Number})],t.prototype,"rows",2),r([i()],t.prototype,"label",2),t=r([m("ws-shelf")],t);
