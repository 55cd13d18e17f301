/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a}from"./part-UTQUJJQK.js";import"./part-U3HZA3XH.js";import"./part-KK4QBCYA.js";import"./part-VEOD2X3I.js";import"./part-ROBQN4EY.js";import"./part-LNYL6AJM.js";import"./part-JP7ET3O6.js";export{a as WaitingList};
