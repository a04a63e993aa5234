// The page put together: an image, what is asked about it, and the answer.

import { drawThumbnail, MaskPicture } from "./mask_picture.js";
import { Prompts } from "./prompts.js";
import * as service from "./service.js";
import { Stage } from "./stage.js";

const find = (selector) => document.querySelector(selector);
const stage = new Stage(find("#stage"));
const prompts = new Prompts();

/** {name, blob, size, sent}: the image; `sent` resolves to its id at the service. */
let image = null;
/** {masks, chosen, reply}: what is seen of the last answer. */
let answer = null;
let isAsking = false;
let isStale = false;

// --- an image ----------------------------------------------------------------------------------

async function openImage(blob, name) {
  clearError();
  const url = URL.createObjectURL(blob);
  let size;
  try {
    size = await stage.show(url, name);
  } catch {
    showError(`${name} cannot be shown by this browser; JPEG, PNG, WebP and GIF can.`);
    return;
  } finally {
    URL.revokeObjectURL(url);
  }
  image = { name, blob, size, sent: null };
  prompts.clear();
  showAnswer(null);
  showWork(true);
  stage.focus();
  await send(image);
}

function send(of) {
  say("Encoding the image …");
  stage.setBusy(true);
  of.sent = service.sendImage(of.blob).then((reply) => {
    checkSize(reply, of.size);
    if (of === image && !prompts.count) {
      const { embedding } = reply.times_ms;
      const encoded = embedding === undefined ? "Ready" : `Encoded in ${round(embedding)} ms`;
      say(`${encoded}. Click on a thing, or drag a box around it.`);
    }
    return reply.image;
  });
  return of.sent.catch(showError).finally(() => of === image && stage.setBusy(isAsking));
}

function checkSize({ width_px, height_px }, [width, height]) {
  if (width_px === width && height_px === height) return;
  throw new Error(
    `This browser shows the image as ${width}×${height} pixels and the service reads ` +
    `${width_px}×${height_px}: clicks would miss. Save it as a JPEG or PNG.`);
}

function showWork(isOpen) {
  find("#start").hidden = isOpen;
  for (const id of ["#work", "#answer", "#new", "footer"]) find(id).hidden = !isOpen;
  find("main").classList.toggle("at-work", isOpen);
}

function closeImage() {
  image = null;
  clearError();
  showWork(false);
  find("#file").value = "";
  find("#file").focus();
}

// --- a question --------------------------------------------------------------------------------

/** Ask for what is drawn now. While an answer is on its way only the latest question waits. */
async function ask() {
  stage.drawPrompts(prompts);
  clearError();
  isStale = true;
  if (isAsking) return;
  isAsking = true;
  stage.setBusy(true);
  while (isStale) {
    isStale = false;
    await askOnce(image).catch(showError);
  }
  isAsking = false;
  stage.setBusy(false);
}

async function askOnce(of) {
  if (!prompts.isQuestion) {
    showAnswer(null);
    say(prompts.count ? "Now say what the thing is: click on it, or drag a box around it." : "");
    return;
  }
  const asked = prompts.read();
  const began = performance.now();
  const reply = await askMasks(of, asked);
  // Whoever clicked on meanwhile waits for another answer.
  if (of !== image || isStale) return;
  showAnswer(reply, began);
}

async function askMasks(of, asked) {
  try {
    return await service.askMasks(await of.sent, asked);
  } catch (error) {
    // Kept for a while only: the service may have been started anew.
    if (error.code !== "image_missing") throw error;
    await send(of);
    return service.askMasks(await of.sent, asked);
  }
}

// --- an answer ---------------------------------------------------------------------------------

function showAnswer(reply, began) {
  answer = null;
  if (reply) {
    const masks = reply.candidates.map(({ region }) => new MaskPicture(region, image.size));
    answer = { reply, masks, chosen: reply.best };
  }
  drawCandidates();
  choose(answer?.chosen ?? 0);
  find("#latency").textContent = answer ? round(performance.now() - began) : "–";
  find("#stages").textContent = answer ? describeStages(reply.times_ms) : "";
}

function choose(index) {
  const candidate = answer?.reply.candidates[index];
  if (answer && !candidate) return;
  if (answer) {
    answer.chosen = index;
    answer.masks[index].drawOver(stage.maskCanvas);
    const share = percent(candidate.area_px / (image.size[0] * image.size[1]));
    find("#score").textContent = candidate.score.toFixed(2);
    find("#area").textContent = share;
    say(candidate.region
      ? `Mask ${index + 1} of ${answer.masks.length}: score ${candidate.score.toFixed(2)}, ${share} of the image.`
      : "The model sees nothing there. Click somewhere else, or drag a box.");
  } else {
    stage.maskCanvas.width = 0;
    find("#score").textContent = find("#area").textContent = "–";
  }
  find("#candidates").childNodes.forEach((button, i) =>
    button.setAttribute("aria-pressed", String(i === index)));
  for (const id of ["#png", "#json"]) find(id).disabled = !candidate?.region;
  for (const id of ["#undo", "#clear"]) find(id).disabled = !prompts.count;
}

function drawCandidates() {
  const buttons = (answer?.masks ?? []).map((mask, index) => {
    const { score } = answer.reply.candidates[index];
    const button = document.createElement("button");
    const canvas = document.createElement("canvas");
    button.type = "button";
    button.setAttribute("aria-label", `Mask ${index + 1}, score ${score.toFixed(2)}`);
    button.append(canvas, `${score.toFixed(2)} `, Object.assign(document.createElement("kbd"), { textContent: index + 1 }));
    button.addEventListener("click", () => choose(index));
    drawThumbnail(canvas, stage.photo, mask, answer.masks);
    return button;
  });
  find("#candidates").replaceChildren(...buttons);
}

function describeStages(times) {
  const parts = Object.entries(times).filter(([stage]) => !stage.startsWith("worker_"));
  return `In the service: ${parts.map(([stage, ms]) => `${stage} ${ms.toFixed(1)}`).join(" · ")} ms`;
}

// --- files -------------------------------------------------------------------------------------

async function savePng() {
  save(await answer.masks[answer.chosen].toPng(), "mask.png");
}

/** A prediction of Label Studio: what goes into a task's "predictions". */
function saveJson() {
  const { region, score } = answer.reply.candidates[answer.chosen];
  const label = find("#label").value.trim() || "Object";
  const result = [{ ...region, value: { ...region.value, brushlabels: [label] } }];
  const prediction = { model_version: answer.reply.model_version, score, result };
  save(new Blob([JSON.stringify(prediction)], { type: "application/json" }), "brush.json");
}

function save(blob, suffix) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${image.name.replace(/\.[^.]*$/, "")}-${suffix}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// --- words -------------------------------------------------------------------------------------

function say(text) {
  find("#status").textContent = text;
}

function showError(error) {
  find("#error").textContent = error.message ?? error;
  find("#error").hidden = false;
  say("");
}

function clearError() {
  find("#error").hidden = true;
}

const round = (ms) => Math.round(ms).toString();
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

// --- hands -------------------------------------------------------------------------------------

stage.onPoint = (place, isInside) => { prompts.addPoint(place, isInside); ask(); };
stage.onBox = (box) => { prompts.addBox(box); ask(); };

function setTool(tool) {
  stage.setTool(tool);
  for (const button of document.querySelectorAll("[data-tool]")) {
    button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
  }
}

const undo = () => { prompts.undo(); ask(); };
const clear = () => { prompts.clear(); ask(); };
const ACTIONS = {
  a: () => setTool("add"), r: () => setTool("remove"), b: () => setTool("box"),
  z: undo, c: clear, n: closeImage,
  p: () => find("#png").click(), j: () => find("#json").click(),
  1: () => answer && choose(0), 2: () => answer && choose(1), 3: () => answer && choose(2),
};

document.addEventListener("keydown", (event) => {
  if (!image || event.target.matches("input")) return;
  const isUndo = (event.ctrlKey || event.metaKey) && event.key === "z";
  if (!isUndo && (event.ctrlKey || event.metaKey || event.altKey)) return;
  const action = ACTIONS[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
});
for (const button of document.querySelectorAll("[data-tool]")) {
  button.addEventListener("click", () => setTool(button.dataset.tool));
}
find("#undo").addEventListener("click", undo);
find("#clear").addEventListener("click", clear);
find("#new").addEventListener("click", closeImage);
find("#png").addEventListener("click", savePng);
find("#json").addEventListener("click", saveJson);

function openFile(file) {
  if (file) openImage(file, file.name || "pasted.png");
}

find("#file").addEventListener("change", (event) => openFile(event.target.files[0]));
document.addEventListener("paste", (event) => openFile(event.clipboardData.files[0]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  openFile(event.dataTransfer.files[0]);
});

// --- the start ---------------------------------------------------------------------------------

function offerSamples(samples) {
  find("#samples").hidden = !samples.length;
  find("#samples ul").append(...samples.map((sample) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const photo = document.createElement("img");
    button.type = "button";
    photo.alt = "";
    photo.src = service.locateSample(sample.name);
    const [title, credit] = [document.createElement("span"), document.createElement("span")];
    title.textContent = sample.title;
    credit.textContent = sample.credit;
    credit.className = "soft";
    button.append(photo, title, credit);
    button.addEventListener("click", async () => {
      openImage(await (await fetch(photo.src)).blob(), sample.name);
    });
    item.append(button);
    return item;
  }));
}

service.listSamples().then(offerSamples).catch(showError);
service.findModelVersion().then((version) => (find("#model").textContent = version)).catch(showError);
