// The list of queues, of any length: rows have one height, and only those in
// view (and some around) are in the document. Rows are found again by the name
// of their queue, so focus stays on a queue when others are sorted around it.
//
// One row is in the order of the Tab key; arrows, Home, End and Page keys move
// from it, Enter and a click open the story of its queue.

import {el, setAttribute, setText} from './dom.js';

const MARGIN_ROWS = 8;

export class Grid {
  // columns: [{key, title, class, sort, make(cell), update(cell, item)}]
  constructor(root, columns, {on_open, on_sort}) {
    this.root = root;
    this.columns = columns;
    this.on_open = on_open;
    this.on_sort = on_sort;
    this.items = [];
    this.rows = new Map(); // name -> element
    this.activeName = null;
    this.selectedName = null;
    this.head = this.makeHead();
    this.body = el('div', {class: 'rows', role: 'rowgroup'});
    this.empty = el('p', {class: 'empty', hidden: true});
    root.append(el('div', {role: 'rowgroup'}, this.head), this.body, this.empty);
    setAttribute(root, 'aria-colcount', columns.length);
    root.addEventListener('scroll', () => this.draw(), {passive: true});
    root.addEventListener('keydown', (event) => this.onKey(event));
    this.body.addEventListener('click', (event) => {
      const row = event.target.closest('.queue');
      if (row !== null) {
        this.activeName = row.dataset.name;
        this.on_open(row.dataset.name);
      }
    });
    this.body.addEventListener('focusin', (event) => {
      this.activate(event.target.closest('.queue').dataset.name);
    });
    new ResizeObserver(() => this.draw()).observe(root);
  }

  // The head

  makeHead() {
    const cells = this.columns.map((column) => el('div', {
      role: 'columnheader', class: column.class, 'data-key': column.key,
    }, el('button', {
      type: 'button', title: column.hint,
      onclick: () => this.on_sort(column.key),
    }, column.title)));
    return el('div', {class: 'row head', role: 'row', 'aria-rowindex': 1},
      ...cells);
  }

  showSort(by, isReversed) {
    for (const cell of this.head.children) {
      const column = this.columns.find((one) => one.key === cell.dataset.key);
      const isUp = column.isUp !== isReversed;
      setAttribute(cell, 'aria-sort', cell.dataset.key !== by ? null
        : isUp ? 'ascending' : 'descending');
    }
  }

  // The rows

  get rowHeight() {
    const style = getComputedStyle(document.documentElement);
    const own = getComputedStyle(this.root).getPropertyValue('--row-height');
    return Math.round(parseFloat(own) * parseFloat(style.fontSize));
  }

  show(items, emptyText) {
    this.items = items;
    setAttribute(this.root, 'aria-rowcount', items.length + 1);
    setText(this.empty, emptyText);
    this.empty.hidden = items.length > 0;
    this.draw();
  }

  select(name) {
    this.selectedName = name;
    this.draw();
  }

  // Which rows are in the document: those in view, and the one with the focus.
  range(height) {
    const top = this.root.scrollTop / height;
    const count = Math.ceil(this.root.clientHeight / height);
    const first = Math.max(0, Math.floor(top) - MARGIN_ROWS);
    return [first,
      Math.min(this.items.length, Math.ceil(top) + count + MARGIN_ROWS)];
  }

  draw() {
    const height = this.rowHeight;
    const [first, last] = this.range(height);
    const hasFocus = this.body.contains(document.activeElement);
    const kept = new Set();
    this.body.style.height = `${this.items.length * height}px`;
    this.chooseActive(first);
    const draw = (index) => {
      kept.add(this.items[index].name);
      this.drawRow(this.items[index], index, height);
    };
    for (let index = first; index < last; index += 1) {
      draw(index);
    }
    if (hasFocus && !kept.has(this.activeName)) {
      const index = this.indexOf(this.activeName);
      if (index >= 0) {
        draw(index);
      }
    }
    this.dropRows(kept, hasFocus);
  }

  dropRows(kept, hadFocus) {
    for (const [name, row] of this.rows) {
      if (!kept.has(name)) {
        row.remove();
        this.rows.delete(name);
      }
    }
    if (hadFocus && !this.body.contains(document.activeElement)) {
      this.rows.get(this.activeName)?.focus({preventScroll: true});
    }
  }

  // The active row is always one of the items.
  chooseActive(first) {
    if (this.indexOf(this.activeName) < 0) {
      this.activeName = this.items[first]?.name ?? null;
    }
  }

  indexOf(name) {
    return name === null ? -1
      : this.items.findIndex((item) => item.name === name);
  }

  drawRow(item, index, height) {
    const row = this.rows.get(item.name) ?? this.makeRow(item.name);
    const top = `translateY(${index * height}px)`;
    if (row.style.transform !== top) {
      row.style.transform = top;
    }
    setAttribute(row, 'aria-rowindex', index + 2);
    setAttribute(row, 'tabindex', item.name === this.activeName ? 0 : -1);
    setAttribute(row, 'aria-selected', item.name === this.selectedName);
    this.columns.forEach((column, at) => {
      column.update(row.children[at], item);
    });
  }

  makeRow(name) {
    const cells = this.columns.map((column) => el('div', {
      role: 'gridcell', class: `${column.key} ${column.class ?? ''}`,
    }, ...(column.make?.() ?? [])));
    const row = el('div', {class: 'row queue', role: 'row', 'data-name': name},
      ...cells);
    this.rows.set(name, row);
    this.body.append(row);
    return row;
  }

  // The keyboard

  activate(name) {
    this.rows.get(this.activeName)?.setAttribute('tabindex', -1);
    this.rows.get(name)?.setAttribute('tabindex', 0);
    this.activeName = name;
  }

  focusRow(index) {
    const height = this.rowHeight;
    const top = index * height;
    const view = this.root.clientHeight - this.head.offsetHeight - height;
    if (top < this.root.scrollTop) {
      this.root.scrollTop = top;
    } else if (top > this.root.scrollTop + view) {
      this.root.scrollTop = top - view;
    }
    this.activate(this.items[index].name);
    this.draw();
    this.rows.get(this.activeName).focus({preventScroll: true});
  }

  // Where the focus returns to when a story is closed.
  focusActive() {
    const index = this.indexOf(this.activeName);
    if (index >= 0) {
      this.focusRow(index);
    }
  }

  onKey(event) {
    const row = event.target.closest('.queue');
    if (row === null || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const index = this.indexOf(row.dataset.name);
    const page = Math.max(1,
      Math.floor(this.root.clientHeight / this.rowHeight) - 2);
    const steps = {
      ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page,
      PageUp: index - page, Home: 0, End: this.items.length - 1,
    };
    if (event.key === 'Enter' || event.key === ' ') {
      this.on_open(row.dataset.name);
    } else if (event.key in steps) {
      this.focusRow(Math.max(0,
        Math.min(this.items.length - 1, steps[event.key])));
    } else {
      return;
    }
    event.preventDefault();
  }
}
