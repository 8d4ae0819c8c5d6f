// Keeps the page up to date: asks once a second whether anything is new and puts it in place.
// Without it the page works the same, one reload at a time.
"use strict";

const EVERY = 1000; // milliseconds
const LIVE = ["people-count", "people-live", "sky", "weather-now", "calls-link"];

function live(fresh) {
  // The box that somebody types in stays as it is, as long as it answers the same customer.
  const same = document.getElementById("thread").dataset.of === fresh.getElementById("thread").dataset.of;
  return same ? [...LIVE, "thread-head", "thread-texts"] : [...LIVE, "thread"];
}

function place() {
  // Whoever is answering a customer stays with them when another customer's text comes in.
  const box = document.getElementById("reply");
  const answering = box && (box.value || box === document.activeElement);
  return answering ? box.form.getAttribute("action").replace(/\/texts$/, "") : location.pathname;
}

function atEnd(box) {
  // The box is laid out bottom-up: 0 is the newest text, older ones are negative.
  return !box || box.scrollTop > -40;
}

function remember() {
  const focused = document.activeElement?.dataset?.keep ?? document.activeElement?.closest?.("details[data-keep]")?.dataset.keep;
  const open = [...document.querySelectorAll("details[data-keep][open]")].map((d) => d.dataset.keep);
  const box = document.querySelector(".scroll");
  return { focused, open, scroll: atEnd(box) ? 0 : box.scrollTop, list: document.querySelector(".people-list")?.scrollTop ?? 0 };
}

function restore(kept) {
  for (const sid of kept.open) {
    document.querySelector(`details[data-keep="${CSS.escape(sid)}"]`)?.setAttribute("open", "");
  }
  const box = document.querySelector(".scroll");
  if (box) box.scrollTop = kept.scroll;
  const list = document.querySelector(".people-list");
  if (list) list.scrollTop = kept.list;
  if (!kept.focused) return;
  const target = document.querySelector(`[data-keep="${CSS.escape(kept.focused)}"]`);
  (target?.querySelector("summary") ?? target)?.focus({ preventScroll: true });
}

function replace(fresh) {
  const kept = remember();
  const seen = Number(document.body.dataset.newest);
  for (const id of live(fresh)) {
    const now = document.getElementById(id);
    const next = fresh.getElementById(id);
    if (now && next && now.outerHTML !== next.outerHTML) now.replaceWith(next);
  }
  document.querySelector("main").className = fresh.querySelector("main").className;
  for (const text of document.querySelectorAll(".text")) {
    if (Number(text.dataset.seq) > seen) text.classList.add("new");
  }
  Object.assign(document.body.dataset, fresh.body.dataset);
  restore(kept);
  if (Number(fresh.body.dataset.newest) > seen) {
    document.getElementById("news").textContent = fresh.body.dataset.news;
  }
}

async function look() {
  const address = `${place()}?since=${document.body.dataset.revision}`;
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (answer.status !== 200) return;
  if (answer.redirected) {
    location.assign(answer.url);
    return;
  }
  replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
}

function isTyping() {
  return [...document.querySelectorAll("main input")].some((box) => box === document.activeElement || (box.type !== "checkbox" && box.value));
}

async function lookForMails() {
  if (isTyping()) return;
  const answer = await fetch(`${location.pathname}?since=${document.body.dataset.revision}`);
  if (answer.status === 200) location.reload();
}

async function keepLooking(look) {
  for (;;) {
    await new Promise((done) => setTimeout(done, EVERY));
    if (document.hidden) continue;
    try {
      await look();
    } catch {
      // The sandbox is being restarted; ask again in a second.
    }
  }
}

if (location.pathname === "/" || location.pathname.startsWith("/conversations/")) keepLooking(look);
if (/^\/(mails|calls)/.test(location.pathname)) keepLooking(lookForMails);
