// A click on a heading of a sortable table sorts its rows, another click turns them round.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  for (const [column, heading] of headings.entries()) {
    const button = heading.querySelector("button");
    if (!button) continue;
    const numbers = "numbers" in heading.dataset;
    const compare = (a, b) => {
      const [left, right] = [a, b].map((row) => row.cells[column].dataset.value ?? row.cells[column].textContent);
      return numbers ? left - right : left.localeCompare(right);
    };
    button.addEventListener("click", () => {
      const sorted = heading.getAttribute("aria-sort");
      const down = sorted ? sorted === "ascending" : numbers;
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => (down ? compare(b, a) : compare(a, b))));
    });
  }
}
