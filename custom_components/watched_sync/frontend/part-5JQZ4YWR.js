/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a}from"./part-VSIARG6D.js";import"./part-3ZVTCCJD.js";import"./part-QMCETOVA.js";import"./part-3TCIX6ZS.js";import"./part-V2A42SGC.js";import"./part-YINXUWLS.js";import"./part-ZGNXT5CQ.js";export{a as WaitingList};
