// The history, put together to what a person remembers: one change of several things on
// several servers is one.
import type { HistoryRow } from '../api.js';

/** One thing that was changed, on the lanes of its rows. */
export interface Line {
  /** Its first row; what they say is the same but for the lane. */
  row: HistoryRow;
  rows: HistoryRow[];
}

/** What was asked for at once. */
export interface Chapter {
  batch_id: string;
  lines: Line[];
}

/** Put rows of one batch together, where its newest row stands. */
export function chapters(rows: readonly HistoryRow[]): Chapter[] {
  const found = new Map<string, Chapter>();
  for (const row of rows) {
    const chapter = found.get(row.batch_id) ?? { batch_id: row.batch_id, lines: [] };
    found.set(row.batch_id, chapter);
    const line = chapter.lines.find((one) => isSame(one, row));
    if (line) line.rows.push(row);
    else chapter.lines.push({ row, rows: [row] });
  }
  return [...found.values()];
}

/** Whether a row tells of the same thing as a line does, on a lane that is not there yet. */
function isSame({ rows }: Line, other: HistoryRow): boolean {
  return rows.every((one) => one.title === other.title && one.change === other.change
    && one.config_entry_id !== other.config_entry_id);
}

/** The day of a moment where the browser is, as `2026-11-30`. */
export function dayOf(iso: string): string {
  const date = new Date(iso);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map((part) => String(part).padStart(2, '0')).join('-');
}

/** Chapters of one day after the other. */
export function days(told: readonly Chapter[]): (readonly [date: string, chapters: Chapter[]])[] {
  const found = new Map<string, Chapter[]>();
  for (const chapter of told) {
    const date = dayOf(chapter.lines[0]?.row.settled_at ?? '');
    found.set(date, [...found.get(date) ?? [], chapter]);
  }
  return [...found];
}
