/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as f,b as u}from"./part-LNYL6AJM.js";import{a as s,c as h,d as r,g as a,i as d,j as o,k as n,m as p,o as c}from"./part-JP7ET3O6.js";var t=class extends d{constructor(){super(...arguments);this.src=null;this.label="";this.width=400;this.missing=!1;this.there=!1;this.usual=!1}willUpdate(e){e.has("src")&&(this.missing=!1,this.usual=!1,this.there=!1)}failed(){this.width===400||this.usual?this.missing=!0:this.usual=!0}render(){let e=this.src!==null&&!this.missing;return r`
      ${this.there&&e?a:r`<span class="none" aria-hidden="true">
        ${f("film")}${this.label?r`<span class="title">${this.label}</span>`:a}</span>`}
      ${e?r`<img alt="" loading="lazy" decoding="async" draggable="false"
        class=${this.there?"there":""} src=${c(this.src,this.usual?400:this.width)}
        @load=${()=>{this.there=!0}} @error=${()=>this.failed()}>`:a}`}};t.styles=[u,h`
    :host {
      display: block; position: relative; overflow: hidden; aspect-ratio: 2 / 3;
      border-radius: var(--ws-round); background: var(--ws-faint);
    }
    img {
      position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover; opacity: 0;
      transition: opacity .25s;
    }
    img.there { opacity: 1; }
    .none {
      position: absolute; inset: 0; display: flex; flex-direction: column; gap: 8px;
      align-items: center; justify-content: center; padding: 8px; text-align: center;
      color: var(--ws-quiet); font-size: 12px; line-height: 1.3;
      background: linear-gradient(160deg, var(--ws-tint), var(--ws-faint));
    }
    .none .icon { width: 28px; height: 28px; opacity: .6; }
    .title { display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; }
  `],s([o()],t.prototype,"src",2),s([o()],t.prototype,"label",2),s([o({type:Number})],t.prototype,"width",2),s([n()],t.prototype,"missing",2),s([n()],t.prototype,"there",2),s([n()],t.prototype,"usual",2),t=s([p("ws-picture")],t);var k={ATTRIBUTE:1,CHILD:2,PROPERTY:3,BOOLEAN_ATTRIBUTE:4,EVENT:5,ELEMENT:6},U=l=>(...i)=>({_$litDirective$:l,values:i}),g=class{constructor(i){}get _$AU(){return this._$AM._$AU}_$AT(i,e,m){this._$Ct=i,this._$AM=e,this._$Ci=m}_$AS(i,e){return this.update(i,e)}update(i,e){return this.render(...e)}};export{k as a,U as b,g as c};
