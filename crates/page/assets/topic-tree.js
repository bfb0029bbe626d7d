// The tree of topics, as the rows of a list.

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** Sorts series by topic, level by level, and then by metric; numbers in them by size. */
export function sortSeries(list) {
  const parts = new Map(list.map((series) => [series, series.topic.split("/")]));
  return list.sort((left, right) => {
    const [one, other] = [parts.get(left), parts.get(right)];
    for (let at = 0; at < Math.min(one.length, other.length); at += 1) {
      const order = collator.compare(one[at], other[at]);
      if (order) return order;
    }
    return one.length - other.length || collator.compare(left.metric ?? "", right.metric ?? "");
  });
}

/** Returns the tree of sorted series: nodes `{ name, path, children, series, all }`. */
export function buildTree(list) {
  const root = { name: "", path: "", children: new Map(), series: [], all: [] };
  for (const series of list) {
    let node = root;
    node.all.push(series);
    for (const name of series.topic.split("/")) {
      let child = node.children.get(name);
      if (!child) {
        const path = node === root ? name : `${node.path}/${name}`;
        child = { name, path, children: new Map(), series: [], all: [] };
        node.children.set(name, child);
      }
      node = child;
      node.all.push(series);
    }
    node.series.push(series);
  }
  return root;
}

/** Returns the rows of a tree: groups `{ group, level, name, all, isOpen }` and series `{ series, level, name }`. */
export function treeRows(root, isOpen) {
  const rows = [];
  const visit = (node, level, prefix) => {
    for (const child of node.children.values()) {
      const name = prefix ? `${prefix}/${child.name}` : child.name;
      const only = child.children.size === 1 && child.series.length === 0;
      // A chain of groups with one child each is one row.
      if (child.all.length === 1 && child.children.size > 0) {
        visit(child, level, name);
      } else if (only && isGroup([...child.children.values()][0])) {
        visit(child, level, name);
      } else if (child.children.size === 0 && child.series.length === 1) {
        rows.push({ series: child.series[0], level, name: leafName(name, child.series[0]) });
      } else {
        const open = isOpen(child.path, level);
        rows.push({ group: child.path, level, name, all: child.all, isOpen: open });
        if (!open) continue;
        for (const series of child.series) rows.push({ series, level: level + 1, name: series.metric ?? child.name });
        visit(child, level + 1, "");
      }
    }
  };
  visit(root, 1, "");
  return rows;
}

function isGroup(node) {
  return node.children.size > 0 || node.series.length > 1;
}

function leafName(name, series) {
  return series.metric === null ? name : `${name} #${series.metric}`;
}

/** Returns how many levels of groups may be open, so that about `limit` rows are shown. */
export function openLevels(root, limit) {
  let [level, nodes, rows] = [0, [root], 0];
  while (nodes.length) {
    const next = nodes.flatMap((node) => [...node.children.values()]);
    rows += next.length;
    if (rows > limit) break;
    level += 1;
    nodes = next;
  }
  return Math.max(level, 1);
}
