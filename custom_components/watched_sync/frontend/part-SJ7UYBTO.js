/* Watched Sync, MIT. Made from frontend/ by scripts/frontend; contains Lit, BSD-3-Clause, copyright Google LLC. */
import{a}from"./part-4OFMPJ22.js";import"./part-XG6245LU.js";import"./part-MF3U53WC.js";import"./part-3P45LPED.js";import"./part-CSJAUWVF.js";import"./part-3RW5APIG.js";export{a as WaitingList};
