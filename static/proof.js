/* Do the sum that the page asks for, then send the form on. Without this the visitor waits. */

const form = document.getElementById("proof");
const { iterations, bits } = form.dataset;
const bytes = (text) => new TextEncoder().encode(text);

const solves = async (nonce) => {
  const key = await crypto.subtle.importKey("raw", bytes(nonce), "PBKDF2", false, ["deriveBits"]);
  const salt = bytes(form.elements.puzzle.value);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations: Number(iterations) };
  const made = await crypto.subtle.deriveBits(how, key, 256);
  return new DataView(made).getUint32(0) >>> (32 - Number(bits)) === 0;
};

const work = async () => {
  let nonce = 0;
  while (!(await solves(String(nonce)))) nonce += 1;
  form.elements.nonce.value = nonce;
  form.submit();
};

// Browsers have crypto.subtle on https alone, and on this machine.
if (globalThis.crypto?.subtle) {
  form.querySelector("[data-by-hand]").hidden = true;
  document.getElementById("working").hidden = false;
  work();
}
