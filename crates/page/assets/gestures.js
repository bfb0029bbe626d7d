// Wheel, double click and fingers on the chart.

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
  element.addEventListener("dblclick", (event) => zoom(2, event.clientX));
  bindTouch(element, zoom, move);
}

function pixels(delta, event) {
  return event.deltaMode === WheelEvent.DOM_DELTA_LINE ? delta * 20 : delta;
}

/** One finger moves sideways, two zoom. Up and down, the page scrolls. */
function bindTouch(element, zoom, move) {
  let last = null;
  const read = (touches) => {
    const [one, other = one] = touches;
    return {
      fingers: touches.length,
      x: (one.clientX + other.clientX) / 2,
      y: (one.clientY + other.clientY) / 2,
      distance: Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY),
    };
  };
  element.addEventListener("touchstart", (event) => {
    last = read(event.touches);
  }, { passive: true });
  element.addEventListener(
    "touchmove",
    (event) => {
      const next = read(event.touches);
      if (last?.fingers !== next.fingers) {
        last = next;
      } else if (next.fingers === 2 && last.distance > 0) {
        event.preventDefault();
        zoom(last.distance / next.distance, next.x);
        last = next;
      } else if (next.fingers === 1 && Math.abs(next.x - last.x) > Math.abs(next.y - last.y)) {
        if (event.cancelable) event.preventDefault();
        move((last.x - next.x) / element.clientWidth);
        last = next;
      }
    },
    { passive: false },
  );
  element.addEventListener("touchend", () => {
    last = null;
  }, { passive: true });
}
