// Call time and audio time. The file holds the kept conversation only, one stretch after the other; the call has gaps between them.
// All times are milliseconds; call time counts from the call's begin, audio time from the file's.

export class CallMap {
  // passages: [{start_ms, end_ms, audio_from_ms, audio_to_ms}], spans: [{kind, start_ms, end_ms}], both in the order of time.
  constructor(spans, passages) {
    this.spans = spans;
    this.passages = passages.filter((passage) => passage.audio_to_ms > passage.audio_from_ms);
    this.callEnd = Math.max(0, ...spans.map((span) => span.end_ms));
    this.audioEnd = this.passages.length ? this.passages[this.passages.length - 1].audio_to_ms : 0;
    this.gaps = this.#gaps();
  }

  // Where two passages meet in the file, the later one is meant: what is heard next.
  toCall(audio) {
    if (!this.passages.length) return 0;
    const passage = this.passages.find((one) => audio < one.audio_to_ms) ?? this.passages[this.passages.length - 1];
    return clamp(passage.start_ms + audio - passage.audio_from_ms, passage.start_ms, passage.end_ms);
  }

  // A moment in a gap has no audio: what is heard after it is meant, or the end when nothing follows.
  toAudio(call) {
    const passage = this.passages.find((one) => call < one.end_ms);
    if (!passage) return this.audioEnd;
    return clamp(passage.audio_from_ms + call - passage.start_ms, passage.audio_from_ms, passage.audio_to_ms);
  }

  spanAt(call) {
    return this.spans.find((span) => call >= span.start_ms && call < span.end_ms) ?? null;
  }

  // The gap that the playing goes over between two moments of the file, or null.
  crossed(before, after) {
    return this.gaps.find((gap) => gap.at > before && gap.at <= after) ?? null;
  }

  gapAfter(audio) {
    return this.gaps.find((gap) => gap.at > audio + 1) ?? null;
  }

  gapBefore(audio) {
    return this.gaps.findLast((gap) => gap.at < audio - 1000) ?? null;
  }

  // Stretches between two passages, with all the kinds that lie in them; `at` is their place in the file.
  #gaps() {
    const found = [];
    for (let i = 1; i < this.passages.length; i++) {
      const start = this.passages[i - 1].end_ms;
      const end = this.passages[i].start_ms;
      const within = this.spans.filter((span) => span.kind !== "talk" && span.start_ms < end && span.end_ms > start);
      const kinds = [...new Set(within.map((span) => span.kind))];
      if (end > start) found.push({ at: this.passages[i].audio_from_ms, start_ms: start, end_ms: end, kinds });
    }
    return found;
  }
}

// Call time to a place across the picture: true to scale, or with every gap narrowed so that the conversation fills it.
export class Scale {
  constructor(map, width, narrow) {
    const gapWidth = Math.min(28, width / (4 * Math.max(1, map.spans.length)));
    const gaps = map.spans.filter((span) => span.kind !== "talk");
    const talk = map.spans.filter((span) => span.kind === "talk").reduce((sum, span) => sum + span.end_ms - span.start_ms, 0);
    const shrunk = narrow && talk > 0;
    this.stops = [{ call: 0, x: 0 }];
    let x = 0;
    for (const span of map.spans) {
      const before = this.stops[this.stops.length - 1];
      const length = span.end_ms - Math.max(before.call, span.start_ms);
      if (length <= 0) continue;
      if (span.start_ms > before.call) this.stops.push({ call: span.start_ms, x: shrunk ? x : (x = (span.start_ms / map.callEnd) * width) });
      if (!shrunk) x = (span.end_ms / map.callEnd) * width;
      else x += span.kind === "talk" ? (length / talk) * (width - gapWidth * gaps.length) : gapWidth;
      this.stops.push({ call: span.end_ms, x });
    }
  }

  toX(call) {
    return between(this.stops, call, "call", "x");
  }

  toCall(x) {
    return between(this.stops, x, "x", "call");
  }
}

function between(stops, value, from, to) {
  for (let i = 1; i < stops.length; i++) {
    const [a, b] = [stops[i - 1], stops[i]];
    if (value <= b[from] && b[from] > a[from]) return a[to] + ((Math.max(value, a[from]) - a[from]) / (b[from] - a[from])) * (b[to] - a[to]);
  }
  return stops[stops.length - 1][to];
}

export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

// 65000 is "1:05"
export function clock(ms) {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = String(seconds % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
