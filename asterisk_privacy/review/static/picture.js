// The picture of a call: both legs over call time, what was kept as waves, what was not as patterns (templates/timeline.html has them).
// Drawn anew when its width changes.
import { Scale, clamp, clock } from "./mapping.js";

const SVG = "http://www.w3.org/2000/svg";
const TOP = 22; // room for the marks
const AXIS = 22;
const NAMES = 84; // room for the names of the legs, where there is room at all
const STEP = 2; // pixels of width for one value of a wave
const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].map((seconds) => seconds * 1000);

export class Picture {
  // timeline: as timeline.json has it, see templates/recording.html; words: the name of each kind and mark
  constructor(svg, map, timeline, words) {
    Object.assign(this, { svg, map, timeline, words, narrow: false });
    this.playhead = null;
    this.draw();
  }

  draw() {
    const width = Math.max(200, this.svg.clientWidth || this.svg.parentElement.clientWidth);
    const lane = width < 560 ? 52 : 68;
    const height = TOP + 2 * lane + AXIS;
    this.left = width < 560 ? 0 : NAMES;
    this.scale = new Scale(this.map, width - this.left, this.narrow);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("height", height);
    const parts = [...this.#spans(lane), ...this.#waves(lane)];
    parts.push(this.#between(lane), ...this.#labels(lane), ...this.#names(lane), ...this.#axis(width, height), ...this.#marks(lane), this.#head(lane));
    this.svg.replaceChildren(...parts);
    this.moveTo(this.at ?? 0);
  }

  x(call) {
    return this.left + this.scale.toX(call);
  }

  callAt(x) {
    return clamp(this.scale.toCall(x - this.left), 0, this.map.callEnd);
  }

  showWaves(peaks) {
    this.timeline.peaks = peaks;
    this.draw();
  }

  moveTo(call) {
    this.at = call;
    this.playhead.setAttribute("transform", `translate(${this.x(call).toFixed(1)} 0)`);
  }

  #spans(lane) {
    return this.map.spans.flatMap((span) => {
      const x = this.x(span.start_ms);
      const width = Math.max(this.x(span.end_ms) - x, span.kind === "talk" ? 0.5 : 2); // no gap is too short to be seen
      const box = { x, y: TOP, width, height: 2 * lane };
      if (span.kind === "talk") return [element("rect", { ...box, class: "talk" })];
      return [element("rect", { ...box, class: `gap ${span.kind}` }), element("rect", { ...box, fill: `url(#p-${span.kind})` })];
    });
  }

  #labels(lane) {
    return this.map.spans.flatMap((span) => {
      const [from, to] = [this.x(span.start_ms), this.x(span.end_ms)];
      const label = this.words.kinds[span.kind];
      const room = label.length * 7 + 16;
      if (span.kind === "talk" || to - from < room + 4) return [];
      const middle = (from + to) / 2;
      const plate = element("rect", { x: middle - room / 2, y: TOP + lane - 11, width: room, height: 22, rx: 11, class: "plate" });
      return [plate, element("text", { x: middle, y: TOP + lane + 4, class: "kind" }, label)];
    });
  }

  #waves(lane) {
    const { peaks } = this.timeline;
    if (!peaks) return [];
    this.loudest = Math.max(10, ...peaks.customer, ...peaks.agents);
    const legs = [["customer", peaks.customer, TOP + lane / 2], ["agent", peaks.agents, TOP + lane * 1.5]];
    return legs.flatMap(([leg, values, middle]) => this.map.passages.map((passage) => this.#wave(values, passage, middle, lane / 2 - 5, leg)));
  }

  #wave(values, passage, middle, reach, leg) {
    const slot = this.timeline.audio_ms / values.length;
    const [from, to] = [this.x(passage.start_ms), this.x(passage.end_ms)];
    const upper = [];
    const lower = [];
    for (let x = from; x < to; x += STEP) {
      const begin = Math.floor((this.callAt(x) - passage.start_ms + passage.audio_from_ms) / slot);
      const end = Math.ceil((this.callAt(Math.min(x + STEP, to)) - passage.start_ms + passage.audio_from_ms) / slot);
      const loudest = Math.max(0, ...values.slice(begin, Math.max(end, begin + 1)));
      const size = Math.max(0.6, Math.sqrt(loudest / this.loudest) * reach); // half as loud to the ear is less than half
      upper.push(`${x.toFixed(1)} ${(middle - size).toFixed(1)}`);
      lower.unshift(`${x.toFixed(1)} ${(middle + size).toFixed(1)}`);
    }
    return element("path", { d: upper.length ? `M${[...upper, ...lower].join("L")}Z` : "", class: `wave ${leg}` });
  }

  #between(lane) {
    return element("line", { x1: this.left, x2: "100%", y1: TOP + lane, y2: TOP + lane, class: "between" });
  }

  #names(lane) {
    const beside = this.left > 0;
    const places = beside ? [TOP + lane / 2 + 4, TOP + lane * 1.5 + 4] : [TOP + 12, TOP + 2 * lane - 5];
    return [this.words.customer, this.words.agents].map((name, i) => element("text", { x: beside ? 0 : 4, y: places[i], class: "leg" }, name));
  }

  #axis(width, height) {
    const tick = TICKS.find((one) => (this.map.callEnd / one) * 64 < width) ?? TICKS[TICKS.length - 1];
    const drawn = [];
    let last = -Infinity;
    for (let at = 0; at <= this.map.callEnd; at += tick) {
      const x = this.x(at);
      if (x - last < 44) continue;
      last = x;
      const anchor = x < 16 ? "start" : x > width - 20 ? "end" : "middle";
      drawn.push(element("line", { x1: x, x2: x, y1: height - AXIS, y2: height - AXIS + 4, class: "tick" }));
      drawn.push(element("text", { x, y: height - 4, class: "time", "text-anchor": anchor }, clock(at)));
    }
    return drawn;
  }

  #marks(lane) {
    return this.timeline.marks.map((mark) => {
      const x = this.x(Math.min(mark.at_ms, this.map.callEnd)).toFixed(1);
      const flag = element("g", { class: `mark ${mark.kind}`, transform: `translate(${x} 0)` });
      flag.append(element("line", { y1: 8, y2: TOP + 2 * lane }), element("path", { d: "M-5 4H5V10L0 15L-5 10Z" }));
      flag.append(element("title", {}, `${this.words.marks[mark.kind]} ${clock(mark.at_ms)}`));
      return flag;
    });
  }

  #head(lane) {
    this.playhead = element("g", { class: "playhead" });
    this.playhead.append(element("line", { y1: TOP - 4, y2: TOP + 2 * lane + 4 }), element("circle", { cy: TOP - 4, r: 5 }));
    return this.playhead;
  }
}

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
