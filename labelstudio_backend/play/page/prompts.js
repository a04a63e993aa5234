// What is asked about one object: clicks and a box, in the image's pixels, in the order they came.

const INSIDE = 1;
const OUTSIDE = 0;

export class Prompts {
  #steps = [];

  get count() {
    return this.#steps.length;
  }

  get points() {
    return this.#steps.filter((step) => step.point);
  }

  /** A second box takes the place of the first: they are about one object. */
  get box() {
    return this.#steps.findLast((step) => step.box)?.box ?? null;
  }

  /** Whether it says what the object is, not only what it is not. */
  get isQuestion() {
    return this.box !== null || this.points.some((step) => step.label === INSIDE);
  }

  addPoint([x, y], isInside) {
    this.#steps.push({ point: [x, y], label: isInside ? INSIDE : OUTSIDE });
  }

  addBox(box) {
    this.#steps.push({ box });
  }

  undo() {
    this.#steps.pop();
  }

  clear() {
    this.#steps = [];
  }

  /** As `core.Prompt` takes it. */
  read() {
    return {
      points: this.points.map((step) => step.point),
      labels: this.points.map((step) => step.label),
      box: this.box,
    };
  }
}
