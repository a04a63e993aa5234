// The calls of the page. Addresses are relative, so that a proxy may put the service anywhere.

const BASE = new URL("../", import.meta.url);

export class ServiceError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export async function findModelVersion() {
  return (await call(new URL("../versions", BASE))).versions[0];
}

export function listSamples() {
  return call(new URL("samples", BASE));
}

export function locateSample(name) {
  return new URL(`samples/${encodeURIComponent(name)}`, BASE);
}

/** Send an image file to be encoded; resolves to {image, width_px, height_px, times_ms}. */
export function sendImage(blob) {
  return call(new URL("images", BASE), {
    method: "POST", body: blob, headers: { "Content-Type": "application/octet-stream" },
  });
}

/** Ask for the masks of one object on an image that was sent before. */
export function askMasks(image, { points, labels, box }) {
  return call(new URL("masks", BASE), {
    method: "POST",
    body: JSON.stringify({ image, points, labels, box }),
    headers: { "Content-Type": "application/json" },
  });
}

async function call(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new ServiceError("away", "The service does not answer. Is it still running?");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  const said = answer?.detail ?? `The service answered ${response.status} and no reason.`;
  throw new ServiceError(answer?.error ?? "unknown", said);
}
