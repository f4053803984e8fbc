"""What the lab's phone reads and writes: messages as Asterisk sends them, and SDP with its directions."""

from __future__ import annotations

import pytest

from asterisk_privacy.lab.sip import Dialog, Direction, Message, Sdp, SipError, parameter, response, uri

INVITE = b"""INVITE sip:agent@127.0.0.1:5072 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bKPjabc
f: "Customer, A." <sip:customer@127.0.0.1;x=1>;tag=from-1
To: <sip:agent@127.0.0.1>
Contact: <sip:asterisk@127.0.0.1:5060>
Call-ID: one
CSeq: 4711 INVITE
Record-Route: <sip:proxy1;lr>
Record-Route: <sip:proxy2;lr>
Supported: 100rel, timer,
 replaces
c: application/sdp
Content-Length: 3

v=0""".replace(b"\n", b"\r\n")

SDP = """v=0
o=- 77 3 IN IP4 127.0.0.1
s=Asterisk
c=IN IP4 127.0.0.1
t=0 0
m=audio 10318 RTP/AVP 0 8 118 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:118 L16/16000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=recvonly
""".replace("\n", "\r\n")


def test_request_is_read() -> None:
    message = Message.parse(INVITE)
    assert (message.method, message.status, message.cseq, message.branch) == ("INVITE", None, 4711, "z9hG4bKPjabc")
    assert message.get("supported") == "100rel, timer, replaces"
    assert parameter(message.get("From"), "tag") == "from-1"
    assert uri(message.get("From")) == "sip:customer@127.0.0.1;x=1"
    assert message.body == "v=0"
    assert str(message) == "INVITE sip:agent@127.0.0.1:5072"


def test_what_is_written_is_read_again() -> None:
    again = Message.parse(Message.parse(INVITE).render())
    assert again.get("Content-Length") == "3"
    assert again.all("Record-Route") == ["<sip:proxy1;lr>", "<sip:proxy2;lr>"]


def test_response_repeats_what_it_must_and_adds_the_tag_once() -> None:
    ok = response(Message.parse(INVITE), 200, "OK", "mine", [("Contact", "<sip:x>")], "v=0\r\n")
    assert (ok.status, ok.method) == (200, "INVITE")
    assert ok.get("To") == "<sip:agent@127.0.0.1>;tag=mine"
    assert ok.all("Record-Route") == ["<sip:proxy1;lr>", "<sip:proxy2;lr>"]
    assert ok.get("Via").endswith("branch=z9hG4bKPjabc")
    again = Message("INVITE x SIP/2.0", ok.headers)
    assert response(again, 200, "OK", "other").get("To") == "<sip:agent@127.0.0.1>;tag=mine"


def test_requests_in_a_dialog_count_up_and_carry_both_tags() -> None:
    dialog = Dialog("id", "<sip:a@x>", "<sip:b@x>", "sip:b@y", "mine", "theirs", ["<sip:p;lr>"])
    first, second = dialog.request("INFO", "V", "C"), dialog.request("BYE", "V", "C")
    assert (first.cseq, second.cseq) == (1, 2)
    assert second.start == "BYE sip:b@y SIP/2.0"
    assert second.get("To") == "<sip:b@x>;tag=theirs"
    assert second.get("Route") == "<sip:p;lr>"
    assert dialog.request("ACK", "V", "C", 1).cseq == 1


def test_sdp_is_read() -> None:
    sdp = Sdp.parse(SDP)
    assert (sdp.address, sdp.port, sdp.direction, sdp.event_payload) == ("127.0.0.1", 10318, Direction.RECVONLY, 101)
    assert sdp.codecs == ((0, "PCMU/8000"), (8, "PCMA/8000"), (118, "L16/16000"))
    assert Sdp.parse("m=audio 4 RTP/AVP 0 8\r\n").codecs == ((0, "PCMU/8000"), (8, "PCMA/8000"))
    assert Sdp.parse(sdp.render()) == Sdp("127.0.0.1", 10318, sdp.codecs, Direction.RECVONLY, 101)


@pytest.mark.parametrize(
    ("address", "direction", "holds"),
    [
        ("127.0.0.1", "sendrecv", False),
        ("127.0.0.1", "recvonly", False),
        ("127.0.0.1", "sendonly", True),
        ("127.0.0.1", "inactive", True),
        ("0.0.0.0", "sendrecv", True),
    ],
)
def test_who_holds(address: str, direction: str, holds: bool) -> None:
    assert Sdp(address, 4, ((0, "PCMU/8000"),), Direction(direction)).holds is holds


def test_directions_are_answered_by_their_mirror() -> None:
    assert [d.answered().value for d in Direction] == ["sendrecv", "recvonly", "sendonly", "inactive"]
    assert [d.sends for d in Direction] == [True, True, False, False]


@pytest.mark.parametrize(
    "data", [b"\x00\x01junk", b"GET / HTTP/1.1\r\n\r\n", b"INVITE x SIP/2.0\r\nno colon\r\n\r\n", b"INVITE x SIP/2.0\r\n"]
)
def test_junk_is_refused(data: bytes) -> None:
    with pytest.raises(SipError):
        Message.parse(data)
    with pytest.raises(SipError):
        Sdp.parse("v=0\r\nm=video 3 RTP/AVP 31\r\n")
