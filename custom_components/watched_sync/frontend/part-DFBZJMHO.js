/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a}from"./part-236EZR4R.js";import"./part-SDXGPQDC.js";import"./part-QMCETOVA.js";import"./part-3TCIX6ZS.js";import"./part-FKONV4QQ.js";import"./part-YINXUWLS.js";import"./part-ZGNXT5CQ.js";export{a as WaitingList};
