"""What Prometheus is told: the daemon's counts as metric families. No personal data, and no label whose values a caller or an agent can
make: each comes from an enum or from the purposes and lines of the configuration."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from asterisk_privacy import __version__
from asterisk_privacy.asterisk.wire.place import Why
from asterisk_privacy.audio.frames import FRAME_SECONDS
from asterisk_privacy.call.commands import ConsentKind, Outcome
from asterisk_privacy.call.events import AgentKey
from asterisk_privacy.call.silence import Why as WhySilent
from asterisk_privacy.call.situation import Life
from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.report import Disk, Running
from asterisk_privacy.daemon.tally import Buckets, Decision, RecordingOutcome
from asterisk_privacy.retention.reconcile import Kind

PREFIX = "asterisk_privacy_"
Value = TypeVar("Value", bound=str)


def metrics_registry(running: Running, disk: Disk) -> CollectorRegistry:
    """One answer's worth of metrics, with those of the process itself."""
    registry = CollectorRegistry()
    registry.register(_Snapshot(running, disk))
    ProcessCollector(registry=registry)
    return registry


class _Snapshot(Collector):
    def __init__(self, running: Running, disk: Disk) -> None:
        self._running = running
        self._disk = disk

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(PREFIX + "build", "Version of the recorder.", {"version": __version__, "python": platform.python_version()})
        yield from _asterisk(self._running)
        yield from _calls(self._running)
        yield from _audio(self._running)
        yield from _recordings(self._running)
        yield from _uploads(self._running)
        yield from _nodes(self._running)
        yield from _forgetting(self._running)
        yield from _configuration(self._running)
        yield gauge("disk_free_bytes", "Room on the recordings' disk; below 64 MiB no new call is announced.", self._disk.free)
        yield gauge("disk_size_bytes", "Size of the recordings' disk.", self._disk.size)
        alarms = self._running.service.health.alarms
        yield counters("alarms", "Something went unrecorded or unwritten, and a person should know.", "kind", Alarm, alarms)


def _asterisk(running: Running) -> Iterator[Metric]:
    link, ari, tally = running.service.link, running.service.ari, running.service.health.tally
    yield gauge("ari_connected", "1 while the event stream is up and the state of the PBX is known.", link.up)
    yield gauge("ari_proof_age_seconds", "Since the stream last proved that every event is known; older audio may leave quarantine.",
                max(0.0, monotonic() - link.proven_until) if link.up else 0.0)  # fmt: skip
    yield counter("ari_lost", "Connections to ARI that ended or could not be made.", link.counts["lost"])
    yield counter("ari_unreadable_events", "Events of unknown type or form.", link.counts["unknown"] + link.counts["malformed"])
    yield counter("ari_requests", "Requests to ARI.", ari.requests)
    yield gauge("advice", "Faults in how this Asterisk is set up, which status names.", len(running.service.health.advice))
    yield counters("agi_decisions", "What the dialplan was told.", "decision", Decision, tally.decisions)
    yield counter("agi_dropped", "FastAGI requests that were no requests; those calls went on unrecorded.", running.agi.problems)
    yield histogram("agi_seconds", "How long the dialplan waited for its answer.", tally.agi_seconds)


def _calls(running: Running) -> Iterator[Metric]:
    health, tally = running.service.health, running.service.health.tally
    now = [runner.recorder.situation.life for runner in running.service.supervisor.runners]
    calls = GaugeMetricFamily(PREFIX + "calls", "Calls that go on, and those in the grace time after hang-up.", labels=["state"])
    for life in Life:
        if life is not Life.OVER:
            calls.add_metric([life.value], now.count(life))
    yield calls
    yield gauge("draining", "1 while no new call is taken, since it was told so.", running.draining.on)
    yield counter("calls_begun", "Calls that were to be announced.", health.calls_begun)
    yield counter("calls_taken_up", "Calls of a daemon before this one that went on.", health.calls_taken_up)
    yield counters("calls_over", "Calls that are over.", "outcome", Outcome, health.outcomes)
    yield counter("conversations", "Calls in which the customer talked with an agent.", tally.conversations)
    yield counters("consents", "Announcements begun, heard, refused, agreed to or objected to.", "kind", ConsentKind, tally.consents)
    notices = CounterMetricFamily(PREFIX + "notices_failed", "Calls whose announcement could not be played.", labels=["profile"])
    for profile in sorted({*running.service.config.book.profiles, *health.notices_failed}):
        notices.add_metric([profile], health.notices_failed[profile])
    yield notices
    yield counters("keys", "Agents' keys that reached a call.", "key", AgentKey, tally.keys)
    yield counters("spans", "Stretches in the stories of calls that are over.", "kind", SpanKind, tally.spans)
    yield counters("span_seconds", "Length of those stretches.", "kind", SpanKind, tally.span_seconds)


def _audio(running: Running) -> Iterator[Metric]:
    service, tally = running.service, running.service.health.tally
    runners = service.supervisor.runners
    kept = tally.kept_seconds + sum(r.media.kept_seconds for r in runners)
    yield counter("gate_openings", "Conversations that began or resumed and may be kept.", tally.gate_openings)
    yield histogram("gate_delay_seconds", "From the end of a conversation in Asterisk to the shut gate; quarantine drops what is between.",
                    tally.gate_delay)  # fmt: skip
    yield counter("frames_kept", "Frames of 20 ms that left quarantine, both voices together.", round(kept / FRAME_SECONDS))
    dropped = tally.dropped_frames + sum(r.media.dropped_frames for r in runners)
    yield counter("frames_dropped", "Frames of 20 ms of one voice that lay outside of conversation.", dropped)
    missing = tally.missing_seconds + sum(r.media.missing_seconds for r in runners)
    yield counter("missing_seconds", "Talk of one voice that was lost between Asterisk and the recorder: too busy a machine.", missing)
    yield gauge("ring_bytes", "Memory of calls that nobody has saved yet.", running.memory.used)
    yield gauge("ring_limit_bytes", "Most of it.", running.memory.limit)
    yield gauge("taps", "Taps on microphones.", sum(r.media.taps for r in runners))
    yield counter("taps_attached", "Taps that were attached.", service.capture.attached)
    yield counter("taps_failed", "Taps that could not be attached.", service.capture.failed)
    wire = service.capture.report()
    yield counter("taps_renewed", "Late taps that were replaced, since Asterisk stood still for a moment.", wire.get("renewed", 0))
    yield gauge("wire_taps", 'Of the taps: those on the wire; with how = "snoop" none.', wire.get("wire", 0))
    yield counter("wire_heard", "Taps that were put on the wire.", wire.get("wire_heard", 0))
    yield counter("wire_unfit", "Taps that became a snoop, since the wire does not do for their channel.", wire.get("wire_unfit", 0))
    family = CounterMetricFamily(PREFIX + "wire_unfit_reasons", "Why they became a snoop.", labels=["reason"])
    for reason in (why.name.lower() for why in Why):
        family.add_metric([reason], wire.get(f"wire_unfit_{reason}", 0))
    yield family
    yield counter("wire_lost", "Packets that came faster than they were read; voices are missing.", wire.get("wire_lost", 0))
    yield gauge("audiosocket_peers", "Audio connections from Asterisk.", running.audio.connected)
    yield counter("audiosocket_uninvited", "Peers that nobody expected, shut out.", running.audio.uninvited)
    yield counter("audiosocket_broken", "Peers that broke the protocol.", running.audio.broken)
    silent = {why: count.total() for why, count in service.health.silent_legs.items()}
    yield counters("silent_legs", "Parties that fell silent in mid-conversation, and why.", "why", WhySilent, silent)
    gated = sum(service.health.gated.values())
    yield counter("silent_between_words", "Calls in which a phone was found dead silent between words: VAD or a noise gate.", gated)
    yield counter("silent_holds", "Holds that only an agent's phone knew of.", sum(service.health.silent_holds.values()))


def _recordings(running: Running) -> Iterator[Metric]:
    tally = running.service.health.tally
    name, words = PREFIX + "recordings", "Recordings that ended, once for each of their purposes."
    family = CounterMetricFamily(name, words, labels=["purpose", "outcome"])
    purposes = {*running.service.config.book.purposes, *(purpose for purpose, _ in tally.recordings)}
    for purpose in sorted(purposes):
        for outcome in RecordingOutcome:
            family.add_metric([purpose, outcome.value], tally.recordings[purpose, outcome])
    yield family
    yield counter("sealed_bytes", "Size of sealed recordings.", tally.sealed_bytes)
    yield counter("sealed_seconds", "Length of sealed recordings.", tally.sealed_seconds)
    yield gauge("recipients", "Public keys to which new recordings are sealed.", len(running.service.sealing.all.raw))


def _uploads(running: Running) -> Iterator[Metric]:
    """Nothing where recordings stay on this machine."""
    if running.uploads is None:
        return
    waiting = running.uploads.waiting
    yield gauge("uploads_waiting", "Sealed recordings that are not in the bucket yet.", waiting.count)
    yield gauge("uploads_waiting_bytes", "Their size.", waiting.size)
    oldest = waiting.oldest
    age = 0.0 if oldest is None else max(0.0, (datetime.now(UTC) - oldest).total_seconds())
    yield gauge("uploads_oldest_seconds", "For how long the oldest of them has waited.", age)
    yield counter("uploads", "Recordings that were brought to the bucket and read back.", running.uploads.uploaded)
    yield counter("upload_failures", "Attempts that failed; each is made again.", running.uploads.failures)


def _nodes(running: Running) -> Iterator[Metric]:
    """Nothing where the registry is a file of this machine. Names of nodes are the administrator's."""
    heard = None if running.neighbours is None else running.neighbours.heard
    if running.neighbours is None or heard is None:
        return
    states = GaugeMetricFamily(PREFIX + "nodes", "Nodes that share the registry, as the server last told.", labels=["state"])
    for state, count in heard.counts.items():
        states.add_metric([state.value], count)
    yield states
    silent = GaugeMetricFamily(PREFIX + "node_silent_seconds", "For how long a node has told nothing of itself.", labels=["node"])
    for row in running.neighbours.silent:
        silent.add_metric([row.name], row.silent.total_seconds())
    yield silent
    yield gauge("clock_ahead_seconds", "Of the registry server's clock; negative: behind.", heard.difference.ahead.total_seconds())


def _forgetting(running: Running) -> Iterator[Metric]:
    purging = running.purging
    last = purging.last_run
    if last is not None:
        yield gauge("purge_last_timestamp_seconds", "When the purger last ran.", last.at.timestamp())
        yield gauge("purge_last_planned", "Recordings that were due in the last run.", last.planned)
        yield gauge("purge_last_deleted", "Recordings that the last run deleted.", last.deleted)
        yield gauge("purge_last_failed", "Recordings that the last run could not delete.", last.failed)
    if purging.next is not None:
        yield gauge("purge_next_timestamp_seconds", "When the purger runs next.", purging.next.timestamp())
    doubted = running.clock.doubt is not None
    yield gauge("clock_doubted", "1 while this machine's clock contradicts the audit trail: nothing is deleted.", doubted)
    yield gauge("registry_gone", "1 while the registry is not in its place: no new call is recorded.", running.registry.gone is not None)
    astray = GaugeMetricFamily(PREFIX + "astray", "What the nights found astray, until it is settled.", labels=["kind"])
    for kind in Kind:
        astray.add_metric([kind.value], purging.astray.kinds[kind.value])
    yield astray
    yield gauge("purge_overdue", "Recordings that should have been deleted over a day ago.", purging.overdue)
    asked = purging.requests.counts
    yield gauge("requests_open", "Requests of persons that are open.", asked.open)
    yield gauge("requests_due_soon", "Of these: to be answered within 7 days.", asked.due_soon)
    yield gauge("requests_overdue", "Of these: past the deadline of GDPR art. 12(3).", asked.overdue)


def _configuration(running: Running) -> Iterator[Metric]:
    reloader = running.reloader
    yield gauge("config_last_reload_successful", "0 when the file has mistakes and an older one holds.", reloader.ok)
    yield gauge("config_last_reload_success_timestamp_seconds", "When what holds now was read.", reloader.read_at.timestamp())
    yield gauge("config_restart_needed", "Changed settings that wait for a restart.", len(reloader.restart))


def gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, words, value)


def counter(name: str, words: str, value: float) -> Metric:
    """`_total` is added by the format."""
    return CounterMetricFamily(PREFIX + name, words, value)


def counters(name: str, words: str, label: str, values: Iterable[Value], counts: Mapping[Value, float]) -> Metric:
    """One for each value there can be, so that what never happened is a 0 and not a gap."""
    family = CounterMetricFamily(PREFIX + name, words, labels=[label])
    for value in values:
        family.add_metric([str(value)], counts.get(value, 0))
    return family


def histogram(name: str, words: str, buckets: Buckets) -> Metric:
    family = HistogramMetricFamily(PREFIX + name, words)
    below, told = 0, []
    for bound, count in zip((*map(str, buckets.bounds), "+Inf"), buckets.counts, strict=True):
        below += count
        told.append((bound, float(below)))
    family.add_metric([], told, buckets.sum)
    return family
