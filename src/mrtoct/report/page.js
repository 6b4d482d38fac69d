// What links the report's own parts to the viewer, and makes it fit for paper.

// A line in the profile chart at the height of the slice that is shown.
document.addEventListener("mrtoct:moved", ({ detail: { scene: number, height } }) => {
  document.querySelectorAll(`svg[id^="profile-${number}-"]`).forEach((chart) => mark(chart, height));
});

function mark(chart, height) {
  const [low, high] = chart.dataset.x.split(" ").map(Number);
  const [left, right, top, bottom] = chart.dataset.plot.split(" ").map(Number);
  let cursor = chart.querySelector(".cursor");
  if (!cursor) {
    cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
    cursor.setAttribute("class", "cursor");
    chart.append(cursor);
  }
  const x = left + ((height - low) / (high - low)) * (right - left);
  for (const [key, value] of Object.entries({ x1: x, x2: x, y1: top, y2: bottom })) cursor.setAttribute(key, value);
  cursor.style.visibility = x >= left && x <= right ? "visible" : "hidden";
}

// A click in the profile chart shows the slice at that height.
document.querySelectorAll("svg[id^=profile-]").forEach((chart) => {
  chart.addEventListener("click", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse()).x;
    const [low, high] = chart.dataset.x.split(" ").map(Number);
    const [left, right] = chart.dataset.plot.split(" ").map(Number);
    showHeight(low + ((at - left) / (right - left)) * (high - low));
  });
});

// Paper shows what is folded away on the screen.
let folded = [];
window.addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open]):not(.keys)")];
  folded.forEach((part) => { part.open = true; });
});
window.addEventListener("afterprint", () => folded.forEach((part) => { part.open = false; }));
