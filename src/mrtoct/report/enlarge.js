// A picture that is pressed fills the window; the arrow keys turn to its neighbours.

const enlarged = document.getElementById("enlarged");
const enlargeable = [...document.querySelectorAll("button.enlarge")];
let enlargedNow = 0;

function enlarge(number) {
  enlargedNow = (number + enlargeable.length) % enlargeable.length;
  const from = enlargeable[enlargedNow].querySelector("img"), to = enlarged.querySelector("img");
  Object.assign(to, { src: from.src, alt: from.alt });
  document.getElementById("enlarged-title").textContent = from.alt;
  if (!enlarged.open) enlarged.showModal();
}

enlargeable.forEach((button, number) => button.addEventListener("click", () => enlarge(number)));
enlarged.querySelectorAll("[data-turn]").forEach((button) => {
  button.addEventListener("click", () => enlarge(enlargedNow + Number(button.dataset.turn)));
});
enlarged.querySelector("[data-close]").addEventListener("click", () => enlarged.close());
enlarged.addEventListener("click", (event) => { if (event.target === enlarged) enlarged.close(); });
enlarged.addEventListener("keydown", (event) => {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (by) { enlarge(enlargedNow + by); event.preventDefault(); }
});
// The picture that was looked at last has the focus, not the one that was pressed first.
enlarged.addEventListener("close", () => enlargeable[enlargedNow].focus());
