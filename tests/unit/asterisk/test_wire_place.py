from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_privacy.asterisk.wire.place import Elsewhere, Place, understood

PHONE = bytes([198, 51, 100, 7])


@pytest.mark.parametrize("direct", ["(null)", "0.0.0.0:0", "[::]:0"])
@pytest.mark.parametrize("codecs", ["(ulaw)", "(alaw)", "(ulaw|alaw)", "(alaw|ulaw)"])
def test_where_packets_arrive(direct: str, codecs: str) -> None:
    """Port; and who sends, as in the packet. To which of Asterisk's addresses is not said: it listens on all of them."""
    where = understood(f"192.0.2.1:10004 198.51.100.7:40000 {direct} 0 {codecs}")
    assert where == Place(10004, PHONE + (40000).to_bytes(2, "big"))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "PJSIP"),
        ("(null)", "PJSIP"),
        ("192.0.2.1:10004 198.51.100.7:40000 0 (ulaw)", "PJSIP"),
        ("192.0.2.1:10004 198.51.100.7:40000 (null) 0 (ulaw) 0", "PJSIP"),
        ("192.0.2.1:10004 198.51.100.7:40000 (null) 1 (ulaw)", "enciphered"),
        ("192.0.2.1:10004 198.51.100.7:40000 (null) (null) (ulaw)", "enciphered"),
        ("192.0.2.1:10004 198.51.100.7:40000 (null) yes (ulaw)", "enciphered"),
        ("192.0.2.1:10004 198.51.100.7:40000 (null) 0 (g722)", "G.711"),
        ("192.0.2.1:10004 198.51.100.7:40000 (null) 0 (ulaw|g722)", "G.711"),
        ("192.0.2.1:10004 198.51.100.7:40000 (null) 0 (nothing)", "G.711"),
        ("192.0.2.1:10004 198.51.100.7:40000 (null) 0 ()", "G.711"),
        ("192.0.2.1:10004 198.51.100.7:40000 (null) 0 (null)", "G.711"),
        ("192.0.2.1:10004 198.51.100.7:40000 203.0.113.9:5000 0 (ulaw)", "through Asterisk"),
        ("[2001:db8::1]:10004 [2001:db8::7]:40000 (null) 0 (ulaw)", "IPv4"),
        ("[::ffff:192.0.2.1]:10004 198.51.100.7:40000 (null) 0 (ulaw)", "IPv4"),
        ("192.0.2.1:10004 [2001:db8::7]:40000 (null) 0 (ulaw)", "IPv4"),
        ("(null) (null) (null) 0 (ulaw)", "IPv4"),
        ("192.0.2.1:10004 (null) (null) 0 (ulaw)", "IPv4"),
        ("192.0.2.1:10004 0.0.0.0:0 (null) 0 (ulaw)", "IPv4"),
        ("192.0.2.1:10004 0.0.0.0:40000 (null) 0 (ulaw)", "IPv4"),
        ("0.0.0.0:10004 198.51.100.7:40000 (null) 0 (ulaw)", "IPv4"),
        ("192.0.2.1 198.51.100.7 (null) 0 (ulaw)", "IPv4"),
        ("192.0.2.1:0 198.51.100.7:40000 (null) 0 (ulaw)", "IPv4"),
        ("192.0.2.1:65536 198.51.100.7:40000 (null) 0 (ulaw)", "IPv4"),
        ("192.0.2.1:-4 198.51.100.7:40000 (null) 0 (ulaw)", "IPv4"),
        ("192.0.2.1:port 198.51.100.7:40000 (null) 0 (ulaw)", "IPv4"),
        ("192.0.2.1:² 198.51.100.7:40000 (null) 0 (ulaw)", "IPv4"),
        ("phone.example:10004 198.51.100.7:40000 (null) 0 (ulaw)", "IPv4"),
        ("192.0.2.256:10004 198.51.100.7:40000 (null) 0 (ulaw)", "IPv4"),
    ],
)
def test_what_is_not_heard_on_the_wire(answer: str, why: str) -> None:
    where = understood(answer)
    assert isinstance(where, Elsewhere)
    assert why in where.why


@given(st.text(alphabet=st.sampled_from("0123456789.:[]() aZ²٣\t\n-"), max_size=60) | st.text(max_size=40))
def test_any_answer_is_understood_one_way_or_the_other(answer: str) -> None:
    where = understood(answer)
    assert isinstance(where, Elsewhere) or (0 < where.port < 1 << 16 and len(where.sender) == 6)
