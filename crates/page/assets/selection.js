// The series that are selected for a chart, in the order of selection.

export class Selection {
  constructor() {
    this.keys = [];
  }

  has(key) {
    return this.keys.includes(key);
  }

  toggle(key) {
    this.keys = this.has(key) ? this.keys.filter((other) => other !== key) : [...this.keys, key];
  }

  clear() {
    this.keys = [];
  }
}
