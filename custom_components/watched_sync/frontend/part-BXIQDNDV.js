/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a as g,b as m}from"./part-LNYL6AJM.js";import{a as s,c as p,d as r,g as a,i as h,j as o,k as l,m as d,o as c}from"./part-JP7ET3O6.js";var e=class extends h{constructor(){super(...arguments);this.src=null;this.label="";this.width=400;this.missing=!1;this.there=!1}willUpdate(t){t.has("src")&&(this.missing=!1,this.there=!1)}render(){let t=this.src!==null&&!this.missing;return r`
      ${this.there&&t?a:r`<span class="none" aria-hidden="true">
        ${g("film")}${this.label?r`<span class="title">${this.label}</span>`:a}</span>`}
      ${t?r`<img alt="" loading="lazy" decoding="async" draggable="false"
        class=${this.there?"there":""} src=${c(this.src,this.width)}
        @load=${()=>{this.there=!0}} @error=${()=>{this.missing=!0}}>`:a}`}};e.styles=[m,p`
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
  `],s([o()],e.prototype,"src",2),s([o()],e.prototype,"label",2),s([o({type:Number})],e.prototype,"width",2),s([l()],e.prototype,"missing",2),s([l()],e.prototype,"there",2),e=s([d("ws-picture")],e);var k={ATTRIBUTE:1,CHILD:2,PROPERTY:3,BOOLEAN_ATTRIBUTE:4,EVENT:5,ELEMENT:6},U=n=>(...i)=>({_$litDirective$:n,values:i}),f=class{constructor(i){}get _$AU(){return this._$AM._$AU}_$AT(i,t,v){this._$Ct=i,this._$AM=t,this._$Ci=v}_$AS(i,t){return this.update(i,t)}update(i,t){return this.render(...t)}};export{k as a,U as b,f as c};
