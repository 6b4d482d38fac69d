// Tables that sort by a column when its heading is pressed.

document.querySelectorAll("table.sortable").forEach((table) => {
  const headings = [...table.querySelectorAll("thead th")];
  headings.forEach((heading, column) => {
    heading.querySelector("button")?.addEventListener("click", () => {
      const body = table.tBodies[0], up = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((th) => th.hasAttribute("aria-sort") && th.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.value;
      const undefinedValue = (row) => value(row) === "nan" || value(row) === "None";
      const compare = (a, b) => {
        // Undefined values come last either way.
        if (undefinedValue(a) || undefinedValue(b)) return undefinedValue(a) - undefinedValue(b);
        const [x, y] = [Number(value(a)), Number(value(b))];
        const order = Number.isFinite(x) && Number.isFinite(y) ? x - y : value(a).localeCompare(value(b), undefined, { numeric: true });
        return up ? order : -order;
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
});
