/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a}from"./part-XC34FIWF.js";import"./part-62IEEVMP.js";import"./part-QMCETOVA.js";import"./part-3TCIX6ZS.js";import"./part-E5MLIPED.js";import"./part-YINXUWLS.js";import"./part-ZGNXT5CQ.js";export{a as WaitingList};
