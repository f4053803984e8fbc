"""Each type of event that a release of Asterisk has is known by name, so that `unknown` counts only what is really new."""

from __future__ import annotations

import json

import pytest

from asterisk_privacy.asterisk import ari_events as ae

SINCE_20_5 = [
    "ApplicationMoveFailed",
    "ApplicationReplaced",
    "BridgeAttendedTransfer",
    "BridgeBlindTransfer",
    "BridgeCreated",
    "BridgeDestroyed",
    "BridgeMerged",
    "BridgeVideoSourceChanged",
    "ChannelCallerId",
    "ChannelConnectedLine",
    "ChannelCreated",
    "ChannelDestroyed",
    "ChannelDialplan",
    "ChannelDtmfReceived",
    "ChannelEnteredBridge",
    "ChannelHangupRequest",
    "ChannelHold",
    "ChannelLeftBridge",
    "ChannelStateChange",
    "ChannelTalkingFinished",
    "ChannelTalkingStarted",
    "ChannelUnhold",
    "ChannelUserevent",
    "ChannelVarset",
    "ContactStatusChange",
    "DeviceStateChanged",
    "Dial",
    "EndpointStateChange",
    "MissingParams",
    "PeerStatusChange",
    "PlaybackContinuing",
    "PlaybackFinished",
    "PlaybackStarted",
    "RecordingFailed",
    "RecordingFinished",
    "RecordingStarted",
    "StasisEnd",
    "StasisStart",
    "TextMessageReceived",
]
NEWER = (
    "ApplicationRegistered",
    "ApplicationUnregistered",
    "CallBroadcast",
    "CallClaimed",
    "ChannelToneDetected",
    "ChannelTransfer",
    "RESTResponse",
)
"""By 20.20.1, 22.10.1 or 23.4.1."""


@pytest.mark.parametrize("kind", [*SINCE_20_5, *NEWER])
def test_every_type_is_known(kind: str) -> None:
    message = {"type": kind, "timestamp": "2026-11-30T12:00:00.000+0000"}
    assert ae.Unknown(kind) not in ae.parse(json.dumps(message), lambda _stamp: 1.0)
