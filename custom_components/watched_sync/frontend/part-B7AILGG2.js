/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a}from"./part-5PNUZMJE.js";import"./part-NAWRR6G7.js";import"./part-VLDVH2XN.js";import"./part-5ROGT37R.js";import"./part-KTO5J2DA.js";import"./part-Y6NBYUUM.js";import"./part-RBBKIP2Y.js";export{a as WaitingList};
