/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{b as s}from"./part-GC4CTBXF.js";import{a}from"./part-LNYL6AJM.js";import{c as p,d as f,w as r}from"./part-JP7ET3O6.js";function c(e,n){return e.offers.order.map(o=>{let i=new Intl.ListFormat(n).format(e.offers.rows[o]?.lanes??[]);return f`<p class="offer">${a("differ")}<span>${r("level.offer",{lanes:i})}</span>
      <a class="pill main" href=${s("level",{offer:o})}>${r("level.compare")}</a></p>`})}var g=p`
  .offer {
    display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; margin: 0 0 18px; padding-block: 10px;
    padding-inline: 18px 12px; background: var(--ws-card); border: 1px solid var(--ws-line); border-radius: 16px; font-size: 15px;
  }
  .offer span { flex: 1 1 240px; }
`;export{c as a,g as b};
