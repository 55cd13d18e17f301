/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a}from"./part-RWBCPLMR.js";import"./part-5MK4V3PD.js";import"./part-VLT5SEEA.js";import"./part-P6XRAVP3.js";import"./part-63CWSWJ7.js";import"./part-VNSFAUBM.js";import"./part-YUUUV7SQ.js";export{a as WaitingList};
