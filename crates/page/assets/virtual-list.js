// A list of rows of equal height, of which only the visible ones are in the document.

/** Rows above and below the visible ones. */
const SPARE = 6;

export class VirtualList {
  /** `make()` returns an object with `element`; `fill(row, index)` shows what is at `index`. */
  constructor(element, { make, fill, rowHeight }) {
    this.element = element;
    this.make = make;
    this.fill = fill;
    this.rowHeight = rowHeight;
    this.length = 0;
    this.rows = [];
    this.first = 0;
    this.update = () => this.render();
    addEventListener("scroll", this.update, { passive: true });
    addEventListener("resize", this.update);
  }

  close() {
    removeEventListener("scroll", this.update);
    removeEventListener("resize", this.update);
  }

  setLength(length) {
    this.length = length;
    this.render();
  }

  /** Shows the visible rows again. */
  render() {
    const height = this.rowHeight();
    this.element.style.height = `${this.length * height}px`;
    const above = -this.element.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(above / height) - SPARE);
    const last = Math.min(this.length, Math.ceil((above + innerHeight) / height) + SPARE);
    const wanted = Math.max(0, last - first);
    while (this.rows.length < wanted) {
      const row = this.make();
      this.rows.push(row);
      this.element.append(row.element);
    }
    for (let at = 0; at < this.rows.length; at += 1) {
      // Each index keeps its row while it is visible, so that scrolling changes few rows.
      const row = this.rows[at];
      const index = first + ((at - (first % this.rows.length) + this.rows.length) % this.rows.length);
      row.element.hidden = index >= last;
      if (index >= last) continue;
      row.element.style.transform = `translateY(${index * height}px)`;
      this.fill(row, index);
    }
    this.first = first;
  }

  /** Scrolls so that a row is visible below a header of so many pixels. */
  reveal(index, header) {
    const height = this.rowHeight();
    const top = this.element.getBoundingClientRect().top + index * height;
    if (top < header) scrollBy(0, top - header);
    else if (top + height > innerHeight - 8) scrollBy(0, top + height - innerHeight + 8);
  }
}
