// A long list of works of which only what is looked at is there: it is read page by page.
import type { Page, Skipped, Work } from '../api.js';

/** Works of one page. */
export const PAGE = 100;

/** Pages that are kept: what is far from the place looked at is read again. */
const KEPT = 20;

export class Source {
  /** How many there are; undefined until it is known. */
  total: number | undefined;

  /** Lanes that may have more. */
  skipped: readonly Skipped[] = [];

  private readonly pages = new Map<number, Work[]>();

  private readonly asked = new Set<number>();

  /** Counts how often everything was forgotten: answers of before come too late. */
  private round = 0;

  constructor(
    private readonly ask: (start: number, limit: number) => Promise<Page>,
    /** Something is there that was not. */
    private readonly told: () => void,
    /** What went wrong; null once it is well again. */
    private readonly failed: (error: unknown) => void,
  ) {}

  /** The work at a place, if it is there. */
  at(index: number): Work | undefined {
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** Have the works from one place up to another there, sooner or later. */
  want(from: number, to: number): void {
    const last = this.total === undefined ? 0 : Math.max(0, this.total - 1);
    const first = Math.floor(Math.max(0, from) / PAGE);
    const end = Math.floor(Math.min(last, to) / PAGE);
    for (let page = first; page <= end; page += 1) {
      if (!this.pages.has(page) && !this.asked.has(page)) void this.read(page);
    }
    this.forget((first + end) / 2);
  }

  private async read(page: number): Promise<void> {
    const { round } = this;
    this.asked.add(page);
    try {
      const found = await this.ask(page * PAGE, PAGE);
      if (round !== this.round) return;
      if (this.total !== undefined && this.total !== found.total) {
        // Something came or went, and everything behind it stands elsewhere now.
        this.pages.clear();
      }
      this.total = found.total;
      this.skipped = found.skipped;
      this.pages.set(page, found.works);
      this.told();
    } catch (error) {
      if (round === this.round) this.failed(error);
    } finally {
      if (round === this.round) this.asked.delete(page);
    }
  }

  private forget(near: number): void {
    if (this.pages.size <= KEPT) return;
    const far = [...this.pages.keys()]
      .sort((one, other) => Math.abs(other - near) - Math.abs(one - near));
    far.slice(0, this.pages.size - KEPT).forEach((page) => this.pages.delete(page));
  }

  /** Put works that look different now in the place of what they were. */
  replace(works: Record<string, Work>): void {
    for (const page of this.pages.values()) {
      page.forEach((work, index) => { page[index] = works[work.ref] ?? work; });
    }
    this.told();
  }

  /** Read what is between two places anew; what is shown stays until it is there. */
  async again(from: number, to: number): Promise<void> {
    this.round += 1;
    const { round } = this;
    this.asked.clear();
    const first = Math.floor(Math.max(0, from) / PAGE);
    const end = Math.max(first, Math.floor(to / PAGE));
    try {
      const found = await Promise.all(
        Array.from({ length: end - first + 1 }, (_, index) => this.ask((first + index) * PAGE, PAGE)),
      );
      if (round !== this.round) return;
      this.pages.clear();
      found.forEach((page, index) => {
        this.total = page.total;
        this.skipped = page.skipped;
        this.pages.set(first + index, page.works);
      });
      this.told();
    } catch (error) {
      if (round === this.round) this.failed(error);
    }
  }
}
