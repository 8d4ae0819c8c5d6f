/* The pages work without this. It saves a few presses. */

// The example under the number follows the country.
const country = document.getElementById("country");
if (country) {
  const show = () => {
    document.getElementById("example").textContent = country.selectedOptions[0].dataset.example;
  };
  country.addEventListener("change", show);
  addEventListener("pageshow", show); // a browser that goes back keeps the country, not the text
}

const language = document.documentElement.lang;

// Times as the reader's clock shows them; without this they are said in UTC.
const local = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, {
  dateStyle: "long",
  timeStyle: "short",
});
for (const time of document.querySelectorAll("time[data-local]")) {
  time.textContent = local.format(new Date(time.dateTime));
}

// Count down to when there may be a new code; then offer it.
const waiting = document.querySelector("[data-waiting]");
if (waiting) {
  const time = waiting.querySelector("time");
  const until = new Date(time.dateTime);
  const wait = new Intl.RelativeTimeFormat(language);
  const words = (seconds) =>
    seconds < 60 ? wait.format(seconds, "second") : wait.format(Math.ceil(seconds / 60), "minute");
  const tick = () => {
    const seconds = Math.ceil((until - Date.now()) / 1000);
    if (seconds > 0) {
      time.textContent = words(seconds);
      setTimeout(tick, 1000);
    } else {
      waiting.hidden = true;
      document.querySelector("[data-afterwards]").hidden = false;
    }
  };
  tick();
}

// A second press must not spend the code twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
  setTimeout(() => delete form.dataset.sent, 3000);
});

// Who is being answered on WhatsApp sees it; the sign goes out after 25 seconds by itself.
const answer = document.querySelector("form[data-typing]");
if (answer) {
  let shown = 0;
  answer.addEventListener("input", () => {
    if (Date.now() - shown < 20_000) return;
    shown = Date.now();
    const body = new URLSearchParams({ csrf_token: answer.elements.csrf_token.value });
    fetch(answer.dataset.typing, { method: "POST", body });
  });
}
