# ruff: noqa: E501
"""Bugs to plant, one at a time: (name, module, text in its source, text instead)."""

from __future__ import annotations

CALL, AUDIO = "asterisk_privacy.call.", "asterisk_privacy.audio."
GATE_LINE = "Situation(Life.LIVE, Consent.HEARD, demand, Hush.NONE, Link.UP, Talk.TALKING)] = Gate.OPEN"


def _gate(also: str) -> str:
    return GATE_LINE + "\n    " + also


MUTANTS: tuple[tuple[str, str, str, str], ...] = (
    ("a repeated hold ends the hold", CALL + "switchboard", "channel.held, channel.hold_at = True,", "channel.held, channel.hold_at = not channel.held,"),
    ("holds are counted", CALL + "switchboard", "channel.held = channel.held_by_feature = False", "channel.held = channel.held and event.at - channel.hold_at < 3.2; channel.held_by_feature = False"),
    ("a phone's hold ends when it leaves", CALL + "switchboard", "        if known.bridge == bridge:\n            known.bridge = None\n", "        if known.bridge == bridge:\n            known.bridge, known.held = None, False\n"),
    ("the gate ignores the link", CALL + "situation", GATE_LINE, _gate("    table.update({s: Gate.OPEN for s in table if s.life is Life.LIVE and s.consent is Consent.HEARD and s.demand is demand and s.hush is Hush.NONE and s.talk is Talk.TALKING})")),
    ("the gate ignores consent", CALL + "situation", GATE_LINE, _gate("    table.update({s: Gate.OPEN for s in table if s.life is Life.LIVE and s.demand is demand and s.hush is Hush.NONE and s.link is Link.UP and s.talk is Talk.TALKING})")),
    ("the gate ignores the pause", CALL + "situation", GATE_LINE, _gate("    table.update({s: Gate.OPEN for s in table if s.life is Life.LIVE and s.consent is Consent.HEARD and s.demand is demand and s.hush is not Hush.OFF_RECORD and s.link is Link.UP and s.talk is Talk.TALKING})")),
    ("the gate opens in the notice", CALL + "situation", GATE_LINE, _gate("    table.update({s: Gate.OPEN for s in table if s.life in (Life.NOTICE, Life.LIVE) and s.demand is demand and s.hush is Hush.NONE and s.link is Link.UP and s.talk is Talk.TALKING})")),
    ("no settling", CALL + "recorder", "self._settled_at = learned + self._timing.settle", "self._settled_at = learned"),
    ("released before it is proven", AUDIO + "quarantine", "proven - (BEHIND_SLOTS + 1) * FRAME_SECONDS", "proven + 1.0"),
    ("the end drops by place, not by arrival", AUDIO + "quarantine", "frames.complete_by(stretch.ended)", "frames.complete_by(stretch.ended + 1.0)"),
    ("shut when it is told, not when it was", CALL + "recorder", "        self._shut_at = self._ms.before(at)", "        self._shut_at = self._ms.before(self._clock)"),
    ("only the last stretch is shut", AUDIO + "quarantine", "for stretch in self._stretches:\n            stretch.ended = at", "for stretch in tuple(self._stretches)[-1:]:\n            stretch.ended = at"),
    ("no second shut", CALL + "recorder", "elif wanted is None and self._bad_news < inf and", "elif False and"),
    ("Local halves are not followed", CALL + "switchboard", "        if half is not None:\n", "        if half is not None and False:\n"),
    ("who is in a bridge that ends left it at its end", CALL + "switchboard", "                known.bridge = None\n                known.held_by_feature", "                known.bridge, known.moved_at = None, event.at\n                known.held_by_feature"),
    ("a bridge that is gone comes back with late news", CALL + "switchboard", " or self._hindsight.is_gone(event.bridge):", ":"),
    ("a parking lot mixes", CALL + "switchboard", "bridge.mixing = event.mixing", "bridge.mixing = True"),
    ("wipe forgets the quarantine", AUDIO + "quarantine", "while self._stretches and self._stretches[0].ended is not None:", "while False:"),
    ("a refusal is not final", CALL + "recorder", "        if self.situation.consent is Consent.REFUSED or not event.heard:", "        if not event.heard:"),
    ("off the record is refused in a pause", CALL + "recorder", "        elif event.key is ev.AgentKey.OFF_RECORD:", "        elif event.key is ev.AgentKey.OFF_RECORD and hush is not Hush.PAUSED:"),
    ("frames read at once all count as complete when read", AUDIO + "quarantine", "complete_at - FRAME_SECONDS * np.arange(count, dtype=np.float64)[::-1] if here_by", "np.full(count, complete_at) if here_by"),
    ("frames read at once are dated forward", AUDIO + "quarantine", "complete_at - FRAME_SECONDS * np.arange(count, dtype=np.float64)[::-1] if here_by", "complete_at - FRAME_SECONDS * np.arange(count, 2 * count, dtype=np.float64)[::-1] if here_by"),
    ("slots drift", AUDIO + "quarantine", "        line.next_slot = slot + count - skipped", "        line.next_slot = slot + count - skipped + (count > 3)"),
    ("hold after unhold is believed in the wrong order", CALL + "switchboard", "if not _older(event.at, max(channel.hold_at, channel.feature_at)):", "if True:"),
    ("no hindsight", CALL + "hindsight", "if at < self._newest - SAME_MOMENT:", "if False:"),
    ("the caller's own hold does not count", CALL + "switchboard", "any(self._holds(c) for c in everyone)", "any(self._holds(c) for c in parties)"),
    ("the ring is not zeroed at the end", AUDIO + "ring", "                self._release(self._segments.popleft())\n            except IndexError:", "                self._segments.popleft()\n            except IndexError:"),
    ("a pause before the hang-up comes too late", CALL + "recorder", "return self.situation.life is not Life.GRACE or at < self._hung_up_at", "return self.situation.life is not Life.GRACE"),
    ("standing purposes are forgotten after a key", CALL + "recorder", "return self._want(self.wishes.standing()) if self.gate is Gate.OPEN else []", "return self._want(self.wishes.standing()) if self.gate is Gate.OPEN and not self._file_open else []"),
    ("no seal in the grace time", CALL + "recorder", "            out.append(cmd.Seal())", "            pass"),
    ("a mark begins with the call", AUDIO + "marked", "            first = max(0, ceil((begin - began) / FRAME_SECONDS - 1e-6))", "            first = 0"),
    ("to here is not heard", AUDIO + "marked", "            last = count if end == inf else", "            last = count if True else"),
    ("marks outlive off the record", AUDIO + "marked", "        self._ranges.clear()", "        pass"),
    ("from here again is not needed after off the record", CALL + "marking", "self.kept, self.open = (), False", "self.kept = ()"),
    ("to here is refused once the caller is gone", CALL + "recorder", "AgentKey.TO and self.marking.open and self._before_hang_up(event.at)", "AgentKey.TO and self.marking.open and live"),
    ("marked parts are kept before they are all there", CALL + "recorder", "        out += self._keep_marked()", "        pass"),
    ("an objection is forgotten", CALL + "wishes", "allowed(self._profile, self.agreed, self._objected)", "allowed(self._profile, self.agreed)"),
    ("an objection erases the file though another purpose lives", CALL + "recorder", "        if gone and self._kept:\n", "        if False:\n"),
    ("an objection takes what was marked too", CALL + "recorder", "        return [*out, cmd.EraseFile(", "        return [*out, cmd.EraseMarked(why), cmd.EraseFile("),
    ("after an objection the last second goes into the ring", CALL + "recorder", "cmd.EraseFile(self._ms.after(self._clock), why)", "cmd.EraseFile(0.0, why)"),
    ("what an objection erased can be kept after all", CALL + "recorder", "left = self.situation.life is Life.LIVE or any(", "left = True or any("),
    ("nobody waits for the lot", CALL + "recorder", "self.wishes.marked() or self.wishes.undecided() else", "self.wishes.marked() else"),
    ("every call is drawn", CALL + "wishes", "self._drawn |= taken & self._undecided", "self._drawn |= self._undecided"),
    ("the lot is drawn in the queue", CALL + "recorder", "self._draws.due() if self.gate is Gate.OPEN else ()", "self._draws.due()"),
    ("an outsider counts as an agent", CALL + "conversation", "    return Role.NOBODY if _is_nobody(name) else Role.OUTSIDER\n\n\n", "    return Role.NOBODY if _is_nobody(name) else Role.AGENT\n\n\n"),
    ("an outsider is nobody", CALL + "conversation", "    return Role.NOBODY if _is_nobody(name) else Role.OUTSIDER\n\n\n", "    return Role.NOBODY\n\n\n"),
    ("strangers shut nothing", CALL + "conversation", "    if strangers := frozenset(c for c, role in others.items() if role", "    if strangers := frozenset(c for c, role in others.items() if False and role"),
    ("only outsiders shut, not who refused", CALL + "conversation", "if role in (Role.REFUSED, Role.OUTSIDER)", "if role is Role.OUTSIDER"),
    ("who refused is a customer as any", CALL + "conversation", "    if standing is not None and standing.silenced:", "    if False:"),
    ("who has a call was told", CALL + "conversation", "standing is not None and standing.allows is not None:", "standing is not None:"),
    ("an agent's own call is a customer's", CALL + "conversation", "members[customer] is Role.AGENT or not (", "not ("),
    ("customers among themselves are conversation", CALL + "conversation", "if members[customer] is Role.AGENT or not (Role.AGENT in others.values() or any(s.called for s in (own, *customers.values()))):", "if members[customer] is Role.AGENT:"),
    ("who was called and told does not count", CALL + "conversation", "any(s.called for s in (own, *customers.values()))", "False"),
    ("each customer's call has both", CALL + "conversation", "if any((standing.began_at, c) <", "if False and any((standing.began_at, c) <"),
    ("what is kept is for more than she was told", CALL + "conversation", "    if not own.serves <= ceiling:", "    if False:"),
    ("another company's customer is as any", CALL + "conversation", "    if any(standing.tenant != own.tenant", "    if False and any(standing.tenant != own.tenant"),
    ("it can be kept for what only one was told", CALL + "wishes", "for limit in (self.ceiling, self._limit) if", "for limit in () if"),
    ("once she is gone it can be kept for more", CALL + "wishes", "for limit in (self.ceiling, self._limit) if", "for limit in (self.ceiling,) if"),
    ("who refuses later stays in it", CALL + "recorder", "                out += self._withdrawn()", "                pass"),
    ("an endpoint is an agent's before it is told", CALL + "switchboard", "return known is not None and self.is_agent(endpoint_of(known.name))", "return known is not None and known.name.startswith(\"PJSIP/\")"),
    ("only drawn calls wait for the objection", CALL + "recorder", "can_keep or self.wishes.objectionable()", "can_keep or (bool(self._kept) and self.wishes.objectionable())"),
)  # fmt: skip
