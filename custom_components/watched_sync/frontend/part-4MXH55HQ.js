/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a}from"./part-YPZWXN2U.js";import"./part-G2CCJPGV.js";import"./part-7R5ESBIZ.js";import"./part-AATP5AOF.js";import"./part-KJILK6BW.js";import"./part-JNOPQXH2.js";export{a as WaitingList};
