// The image with what is drawn on it: turns pointer and keys into points and boxes in its pixels.

// A hand is not still while it clicks.
const DRAG_PX = 5;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEPS_ACROSS = 40;

export class Stage {
  /** "add", "remove" or "box". */
  tool = "add";
  /** Called with ([x, y], isInside). */
  onPoint = () => {};
  /** Called with [x0, y0, x1, y1]. */
  onBox = () => {};

  #element;
  #photo;
  #marks;
  #cursorMark;
  #size = [1, 1];
  #cursor = [0, 0];
  #corner = null;
  #press = null;

  constructor(element) {
    this.#element = element;
    this.#photo = element.querySelector("img");
    this.#marks = element.querySelector("#marks");
    this.#cursorMark = element.querySelector("#cursor");
    element.addEventListener("pointerdown", (event) => this.#begin(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#end(event));
    element.addEventListener("pointercancel", () => this.#forget());
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("keydown", (event) => this.#steer(event));
    element.addEventListener("blur", () => (this.#cursorMark.hidden = true));
  }

  get photo() {
    return this.#photo;
  }

  get maskCanvas() {
    return this.#element.querySelector("canvas");
  }

  /** Show an image; resolves when it is seen. */
  async show(url, name) {
    this.#photo.src = url;
    await this.#photo.decode();
    this.#size = [this.#photo.naturalWidth, this.#photo.naturalHeight];
    const [width, height] = this.#size;
    this.#element.style.aspectRatio = `${width} / ${height}`;
    this.#element.style.width = `min(100%, calc(var(--tall) * ${width / height}))`;
    this.#element.setAttribute("aria-label", `${name}, ${width} by ${height} pixels`);
    this.#cursor = [Math.floor(width / 2), Math.floor(height / 2)];
    this.#forget();
    return this.#size;
  }

  setTool(tool) {
    this.tool = tool;
    this.#element.classList.toggle("boxing", tool === "box");
    this.#forget();
  }

  focus() {
    this.#element.focus({ preventScroll: true });
  }

  setBusy(isBusy) {
    this.#element.classList.toggle("busy", isBusy);
  }

  /** Draw points and box anew. */
  drawPrompts(prompts) {
    const points = prompts.points.map(({ point, label }) => this.#makePoint(point, label));
    const box = prompts.box ? [this.#makeBox(prompts.box, "box")] : [];
    this.#marks.replaceChildren(...box, ...points);
  }

  #makePoint([x, y], label) {
    const mark = document.createElement("div");
    mark.className = label ? "point" : "point outside";
    mark.textContent = label ? "+" : "−";
    this.#place(mark, x, y);
    return mark;
  }

  #makeBox([x0, y0, x1, y1], className) {
    const mark = document.createElement("div");
    mark.className = className;
    this.#place(mark, x0, y0);
    mark.style.width = `${(100 * (x1 - x0)) / this.#size[0]}%`;
    mark.style.height = `${(100 * (y1 - y0)) / this.#size[1]}%`;
    return mark;
  }

  #place(mark, x, y) {
    mark.style.left = `${(100 * x) / this.#size[0]}%`;
    mark.style.top = `${(100 * y) / this.#size[1]}%`;
  }

  #locate(event) {
    const frame = this.#element.getBoundingClientRect();
    const shares = [
      (event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height,
    ];
    return shares.map((share, axis) => Math.min(1, Math.max(0, share)) * this.#size[axis]);
  }

  #begin(event) {
    if (event.button > 2 || !event.isPrimary) return;
    const isOutside = event.button === 2 || event.altKey || event.ctrlKey;
    this.#press = { at: this.#locate(event), from: [event.clientX, event.clientY], isOutside };
    // A finger that moves scrolls the page, unless it was said that it draws a box.
    this.#press.mayDrag = !isOutside && (event.pointerType === "mouse" || this.tool === "box");
    if (this.#press.mayDrag) this.#element.setPointerCapture(event.pointerId);
    this.#cursorMark.hidden = true;
  }

  #move(event) {
    const press = this.#press;
    if (!press?.mayDrag) return;
    const [dx, dy] = [event.clientX - press.from[0], event.clientY - press.from[1]];
    press.isDrag ||= Math.hypot(dx, dy) > DRAG_PX;
    if (press.isDrag) this.#showBegun(press.at, this.#locate(event));
  }

  #end(event) {
    const press = this.#press;
    this.#press = null;
    if (!press) return;
    this.#cursor = press.at.map(Math.floor);
    if (press.isDrag) this.#finishBox(press.at, this.#locate(event));
    else if (this.tool !== "box") this.onPoint(press.at, !press.isOutside && this.tool === "add");
    else this.#turnCorner(press.at);
  }

  /** The first place is one corner of a box, the second the other. */
  #turnCorner(place) {
    if (this.#corner) this.#finishBox(this.#corner, place);
    else this.#showBegun((this.#corner = place), place);
  }

  #showBegun(from, to) {
    this.#marks.querySelector(".begun")?.remove();
    this.#marks.append(this.#makeBox(spanBox(from, to), "box begun"));
  }

  #finishBox(from, to) {
    this.#forget();
    const [x0, y0, x1, y1] = spanBox(from, to);
    if (x1 > x0 && y1 > y0) this.onBox([x0, y0, x1, y1]);
  }

  /** Give up what was begun. */
  #forget() {
    this.#press = this.#corner = null;
    this.#marks.querySelector(".begun")?.remove();
  }

  #steer(event) {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key in KEYS && isPlain) {
      const stride = event.shiftKey ? 1 : Math.max(1, Math.max(...this.#size) / STEPS_ACROSS);
      this.#cursor = this.#cursor.map((value, axis) =>
        Math.round(Math.min(this.#size[axis], Math.max(0, value + KEYS[event.key][axis] * stride))));
      if (this.#corner) this.#showBegun(this.#corner, this.#cursor);
    } else if (event.key === "Enter" && isPlain) {
      if (this.tool === "box") this.#turnCorner(this.#cursor);
      else this.onPoint(this.#cursor, this.tool === "add");
    } else if (event.key === "Escape") {
      this.#forget();
    } else {
      return;
    }
    event.preventDefault();
    this.#place(this.#cursorMark, ...this.#cursor);
    this.#cursorMark.hidden = false;
  }
}

function spanBox([xa, ya], [xb, yb]) {
  return [Math.min(xa, xb), Math.min(ya, yb), Math.max(xa, xb), Math.max(ya, yb)];
}
