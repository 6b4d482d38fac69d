// A view as a part of the page's address: plane, place, window, subject, overlay.

const LINKED = "plane=";

function linkOf() {
  const parts = new URLSearchParams({
    plane: state.plane, at: world(state.at).map((mm) => mm.toFixed(1)).join(","), window: state.hu.map(Math.round).join(","),
  });
  if (data.scenes.length > 1) parts.set("subject", scene().name);
  if (overlay()) { parts.set("overlay", overlay().title); parts.set("opacity", state.opacity); }
  if (state.zoom !== 1) parts.set("zoom", state.zoom.toFixed(2));
  return `#${parts.toString().replaceAll("%2C", ",")}`;
}

// The voxel nearest to a place in RAS mm, by the inverse of the affine (Cramer's rule).
function indexOf(mm) {
  const [a, b, c] = [0, 1, 2].map((column) => scene().affine.slice(0, 3).map((row) => row[column]));
  const d = mm.map((value, row) => value - scene().affine[row][3]);
  const cross = (u, v) => [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
  const dot = (u, v) => u[0] * v[0] + u[1] * v[1] + u[2] * v[2], whole = dot(a, cross(b, c));
  const found = [dot(d, cross(b, c)), dot(a, cross(d, c)), dot(a, cross(b, d))].map((part) => part / whole);
  return found.map((part, axis) => clamp(Math.round(part), 0, scene().shape[axis] - 1));
}

const numbersIn = (value, count) => {
  const numbers = (value || "").split(",").map(Number);
  return numbers.length === count && numbers.every(Number.isFinite) ? numbers : null;
};

// Show what an address says; false if it says nothing of a view. Whatever is odd in it is passed over.
function openLink(hash) {
  if (!hash.includes(LINKED)) return false;
  const wanted = new URLSearchParams(hash.slice(1));
  const named = data.scenes.findIndex((one) => one.name === wanted.get("subject"));
  show(Math.max(0, named)).then(() => {
    const at = numbersIn(wanted.get("at"), 3), hu = numbersIn(wanted.get("window"), 2);
    if (at) state.at = indexOf(at);
    state.crosshair = Boolean(at);
    if (hu && hu[1] > hu[0]) setWindow(...hu);
    setOverlay(scene().overlays.findIndex((one) => one.title === wanted.get("overlay")));
    const [opacity] = numbersIn(wanted.get("opacity"), 1) || [state.opacity];
    state.opacity = clamp(opacity, 0, 1);
    find("opacity").value = String(Math.round(100 * state.opacity));
    setZoom((numbersIn(wanted.get("zoom"), 1) || [1])[0]);
    choosePlane(wanted.get("plane"));
    viewer.scrollIntoView({ block: "nearest" });
  }).catch(trouble);
  return true;
}

function copyLink() {
  history.replaceState(null, "", linkOf());
  const told = (words) => { find("said").textContent = words; };
  const inBar = () => told("The link is in the address bar.");
  if (navigator.clipboard) navigator.clipboard.writeText(location.href).then(() => told("Link copied."), inBar);
  else inBar();
}
