// Turns the wheel over a picture, and a click on one, into slices. Loaded by page_view.py, which says in `data.axes`
// along which axis each picture of the page is cut.

const NOTCH = 50; // Pixels that a page would scroll: less than a notch of any wheel, some strokes of a touch pad.

let page, axis, steps = 0, rest = 0, waiting = false;

// The picture under the pointer: its axis, and where in it the pointer is, from 0 to 1.
function pointed(event) {
  const image = event.target.closest?.('[data-testid="stImage"]')?.querySelector("img");
  if (!image || !page?.parentElement.isConnected) return null;
  const images = [...document.querySelectorAll('[data-testid="stImage"] img')];
  const box = image.getBoundingClientRect();
  // Where the picture fills the screen, black bars are part of its element.
  const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  return {
    axis: page.data.axes[images.indexOf(image) % page.data.axes.length],
    across: 0.5 + (event.clientX - box.left - box.width / 2) / (scale * image.naturalWidth),
    down: 0.5 + (event.clientY - box.top - box.height / 2) / (scale * image.naturalHeight),
  };
}

// One request at a time, whatever is turned meanwhile: the next takes it all at once.
function send() {
  if (waiting || !steps) return;
  waiting = true;
  page.setTriggerValue("turned", { axis, steps });
  steps = 0;
}

function turn(event) {
  const at = pointed(event);
  if (!at || event.ctrlKey || !event.deltaY) return;
  event.preventDefault();
  const pixels = event.deltaMode ? NOTCH * event.deltaY : event.deltaY;
  if (at.axis !== axis || pixels * rest < 0) rest = 0;
  if (at.axis !== axis) steps = 0;
  axis = at.axis;
  // However far a wheel's notch scrolls, it is one slice.
  rest = Math.abs(pixels) >= NOTCH ? Math.sign(pixels) * NOTCH : rest + pixels;
  steps -= Math.trunc(rest / NOTCH);
  rest %= NOTCH;
  send();
}

function press(event) {
  const at = event.target.tagName === "IMG" && pointed(event);
  if (at) page.setTriggerValue("pressed", at);
}

document.addEventListener("wheel", turn, { passive: false });
document.addEventListener("click", press);

// Called whenever the script has drawn the page.
export default function (component) {
  page = component;
  waiting = false;
  send();
}
