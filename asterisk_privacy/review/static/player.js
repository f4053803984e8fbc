// Plays a recording beside its picture. The page works without this: it has the browser's own audio element then.
// Nothing is stored in the browser, and nothing plays before somebody asks for it.
import { CallMap, clamp, clock } from "./mapping.js";
import { Picture } from "./picture.js";

const STOP_MS = 1000; // how long a marked gap stops the playing
const STAY_MS = 45_000; // how often a listener tells that he is not idle
const SPEEDS = [0.75, 1, 1.25, 1.5, 1.75, 2];

class Player {
  constructor(root, timeline) {
    this.root = root;
    this.words = JSON.parse(root.dataset.words);
    this.map = new CallMap(timeline.spans, timeline.passages);
    this.audio = root.querySelector("audio");
    this.slider = root.querySelector("[role=slider]");
    this.button = root.querySelector("button.play");
    this.speed = root.querySelector("select.speed");
    this.at = 0; // audio time, milliseconds
    this.halt = null; // the timer of a gap at which the playing stops
    this.#chooseFormat();
    root.querySelector(".without").hidden = true;
    root.querySelector(".with").hidden = false;
    this.audio.controls = false;
    this.picture = new Picture(root.querySelector("svg.call"), this.map, timeline, this.words);
    this.#listen();
    this.slider.setAttribute("aria-valuemax", Math.round(this.map.callEnd / 1000));
    root.querySelector(".end").textContent = clock(this.map.callEnd);
    this.#show(true);
  }

  // Not every browser plays FLAC; all play WAV.
  #chooseFormat() {
    const sources = [...this.audio.querySelectorAll("source")];
    const chosen = sources.find((source) => this.audio.canPlayType(source.type) !== "") ?? sources[sources.length - 1];
    this.audio.src = chosen.src;
    this.audio.preload = "metadata";
  }

  get playing() {
    return !this.audio.paused || this.halt !== null;
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    if (this.at >= this.map.audioEnd) this.seek(0);
    this.audio.play().catch((error) => {
      if (error.name !== "AbortError") this.#failed();
    });
    this.#follow();
  }

  pause() {
    clearTimeout(this.halt);
    this.halt = null;
    this.audio.pause();
    this.#show(true);
  }

  // To a moment of the file; the words say where in the call that is.
  seek(audio, said) {
    if (this.halt !== null) this.#goOn();
    this.at = clamp(audio, 0, this.map.audioEnd);
    this.audio.currentTime = this.at / 1000;
    this.#show(true);
    this.#say(said ?? this.#where());
  }

  seekCall(call) {
    const span = this.map.spanAt(call);
    const audio = this.map.toAudio(call);
    const gap = span && span.kind !== "talk" ? `${this.#notKept([span.kind], span.end_ms - span.start_ms)}. ` : "";
    this.seek(audio, gap + this.#where(audio));
  }

  toGap(gap) {
    if (gap) this.seek(gap.at, `${this.#notKept(gap.kinds, gap.end_ms - gap.start_ms)}. ${this.#where(gap.at)}`);
    else this.#say(this.words.no_more_gaps);
  }

  faster(by) {
    const next = clamp(SPEEDS.indexOf(Number(this.speed.value)) + by, 0, SPEEDS.length - 1);
    this.speed.value = String(SPEEDS[next]);
    this.#setSpeed();
  }

  #setSpeed() {
    this.audio.playbackRate = Number(this.speed.value);
    this.#say(`${this.words.speed} ${this.speed.value}`);
  }

  // While it plays, the picture follows with each frame of the screen; hidden pages are served by timeupdate.
  #follow() {
    if (this.audio.paused) return;
    this.#advance();
    requestAnimationFrame(() => this.#follow());
  }

  #advance() {
    if (this.audio.paused || this.audio.seeking) return;
    const now = this.audio.currentTime * 1000;
    if (now <= this.at && now > this.at - 100) return; // a seek ends a little earlier than it was asked to
    const gap = this.map.crossed(this.at, now);
    this.at = now;
    this.#show(false);
    if (gap) this.#atGap(gap);
  }

  #atGap(gap) {
    this.#say(`${this.#notKept(gap.kinds, gap.end_ms - gap.start_ms)}. ${this.#where()}`);
    if (this.picture.narrow) return;
    this.halt = setTimeout(() => this.#goOn(), STOP_MS);
    this.audio.pause();
    this.root.classList.add("halted");
  }

  #goOn() {
    clearTimeout(this.halt);
    this.halt = null;
    this.play();
  }

  #notKept(kinds, length) {
    return `${kinds.map((kind) => this.words.kinds[kind]).join(", ")} ${clock(length)}: ${this.words.not_kept}`;
  }

  #where(audio = this.at) {
    return this.words.position.replace("{at}", clock(this.map.toCall(audio))).replace("{end}", clock(this.map.callEnd));
  }

  #show(told) {
    const call = this.map.toCall(this.at);
    this.picture.moveTo(call);
    this.root.querySelector(".at").textContent = clock(call);
    this.root.classList.toggle("halted", this.halt !== null);
    const name = this.playing ? this.words.pause : this.words.play;
    if (this.button.textContent !== name) this.button.textContent = name;
    if (!told) return; // a screen reader would speak each change into the call
    this.slider.setAttribute("aria-valuenow", Math.round(call / 1000));
    this.slider.setAttribute("aria-valuetext", this.#where());
  }

  // What only repeats the position is for screen readers: everybody else sees it move.
  #say(words) {
    const said = this.root.querySelector(".said");
    said.textContent = words;
    said.classList.toggle("quiet", words === this.#where());
  }

  #failed() {
    this.pause();
    const failure = this.root.querySelector(".failed");
    failure.hidden = false;
  }

  #listen() {
    this.button.addEventListener("click", () => this.toggle());
    this.speed.addEventListener("change", () => this.#setSpeed());
    for (const button of this.root.querySelectorAll("button[data-key]")) button.addEventListener("click", () => this.#act(button.dataset.key));
    for (const choice of this.root.querySelectorAll("input[name=gaps]")) choice.addEventListener("change", () => this.#gaps(choice.value));
    for (const kind of ["play", "pause", "ended"]) this.audio.addEventListener(kind, () => this.#show(true));
    this.audio.addEventListener("ended", () => this.#atEnd());
    this.audio.addEventListener("timeupdate", () => this.#advance());
    this.audio.addEventListener("error", () => this.#failed());
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.#pointing();
    setInterval(() => this.#stay(), STAY_MS);
    new ResizeObserver(() => this.picture.draw()).observe(this.slider);
  }

  // A long call is heard from the browser's buffer: without a word to the server the session would end under the listener.
  #stay() {
    if (this.playing) fetch(spansOnly(this.root), { cache: "no-store" }).catch(() => undefined);
  }

  #atEnd() {
    this.at = this.map.audioEnd;
    this.#show(true);
  }

  #gaps(value) {
    this.picture.narrow = value === "skipped";
    this.picture.draw();
  }

  // Keys work while the focus is in the player, so that typing elsewhere never moves the call.
  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const own = event.target.closest("select, input, summary");
    if (own && !["g", "G", "<", ">"].includes(event.key)) return;
    if (event.key === " " && event.target.closest("button")) return; // the button is pressed
    const name = (event.shiftKey && event.key.startsWith("Arrow") ? "Shift+" : "") + event.key;
    if (this.#act(name)) event.preventDefault();
  }

  #act(key) {
    const step = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -30, PageUp: 30 }[key.replace("Shift+", "")];
    if (step) this.seek(this.at + step * (key.startsWith("Shift+") ? 6 : 1) * 1000);
    else if (key === " ") this.toggle();
    else if (key === "Home") this.seek(0);
    else if (key === "End") this.seek(this.map.audioEnd);
    else if (key === "<") this.faster(-1);
    else if (key === ">") this.faster(1);
    else if (key === "g") this.toGap(this.map.gapAfter(this.at));
    else if (key === "G") this.toGap(this.map.gapBefore(this.at));
    else return false;
    return true;
  }

  #pointing() {
    const pointed = this.root.querySelector(".pointed");
    const call = (event) => this.picture.callAt(event.clientX - this.slider.getBoundingClientRect().left);
    this.slider.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.slider.setPointerCapture(event.pointerId);
      this.seekCall(call(event));
    });
    this.slider.addEventListener("pointermove", (event) => {
      const at = call(event);
      const kind = this.map.spanAt(at)?.kind;
      pointed.textContent = kind ? `${clock(at)} ${this.words.kinds[kind]}` : clock(at);
      if (this.slider.hasPointerCapture(event.pointerId)) this.seekCall(at);
    });
    this.slider.addEventListener("pointerleave", () => (pointed.textContent = ""));
  }
}

// Playing was asked for one page ago: the keys work at once.
function focus(player) {
  if (document.activeElement === document.body) player.button.focus({ preventScroll: true });
}

async function timeline(address) {
  const answer = await fetch(address, { cache: "no-store", credentials: "same-origin" });
  if (!answer.ok) throw new Error(`timeline: ${answer.status}`);
  return answer.json();
}

// The waves of a long call take a while to compute: it can be played before.
async function start(root) {
  const player = new Player(root, await timeline(spansOnly(root)));
  focus(player);
  player.picture.showWaves((await timeline(root.dataset.timeline)).peaks);
}

function spansOnly(root) {
  return root.dataset.timeline.split("?")[0];
}

for (const root of document.querySelectorAll(".player")) {
  start(root).catch((error) => {
    root.querySelector(".failed").hidden = false; // the browser's own player stays
    throw error;
  });
}
