// Wheel and two fingers on the chart.

const WHEEL_STEP = 0.0016;

/** Calls `zoom(factor, clientX)` and `move(part)`. */
export function bindGestures(element, { zoom, move }) {
  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const [x, y] = [pixels(event.deltaX, event), pixels(event.deltaY, event)];
      if (Math.abs(x) > Math.abs(y) || event.shiftKey) move((event.shiftKey ? y || x : x) / element.clientWidth);
      else zoom(Math.exp(y * WHEEL_STEP), event.clientX);
    },
    { passive: false },
  );
  bindPinch(element, zoom);
}

function pixels(delta, event) {
  return event.deltaMode === WheelEvent.DOM_DELTA_LINE ? delta * 20 : delta;
}

function bindPinch(element, zoom) {
  let distance = null;
  const between = ([one, other]) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
  const middle = ([one, other]) => (one.clientX + other.clientX) / 2;
  element.addEventListener("touchstart", (event) => {
    distance = event.touches.length === 2 ? between(event.touches) : null;
  }, { passive: true });
  element.addEventListener(
    "touchmove",
    (event) => {
      if (event.touches.length !== 2 || !distance) return;
      event.preventDefault();
      const next = between(event.touches);
      zoom(distance / next, middle(event.touches));
      distance = next;
    },
    { passive: false },
  );
  element.addEventListener("touchend", () => {
    distance = null;
  }, { passive: true });
}
