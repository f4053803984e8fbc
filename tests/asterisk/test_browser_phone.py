"""An agent with a phone in a browser: JsSIP in a headless Chromium, DTLS-SRTP, and a mute that is no hold and no alarm.

Skipped where there is no Chromium, no npm, or no way to fetch JsSIP.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, async_playwright
from playwright.async_api import TimeoutError as PlaywrightTimeout
from sites import ALWAYS, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.audio.levels import levels_db
from asterisk_privacy.call.timeline import MarkKind, SpanKind
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(150)]

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
ARGUMENTS = [
    "--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage",
    "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets,WebRtcHideLocalIpsWithMdns",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]  # fmt: skip
PHONES = """
[transport-ws]
type = transport
protocol = ws
bind = 127.0.0.1
[browser](privacy-agent)
type = endpoint
transport = transport-ws
context = from-agents
disallow = all
allow = ulaw
webrtc = yes
dtls_auto_generate_cert = yes
direct_media = no
rtp_timeout = 30
aors = browser
[browser](lab-contact)
"""
LINE = """
[from-outside]
exten => 132,1,Gosub(privacy-start,s,1(orders))
 same => n,Dial(PJSIP/browser,30,tkK)
"""
PAGE = """<!doctype html><title>phone</title><script src="/jssip.js"></script><script>
let session = null, registered = false;
function start(port) {
  const phone = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(`ws://127.0.0.1:${port}/ws`)], uri: "sip:browser@127.0.0.1",
    register: true, session_timers: false,
  });
  phone.on("registered", () => { registered = true; });
  phone.on("newRTCSession", (event) => {
    session = event.session;
    session.answer({ mediaConstraints: { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } } });
  });
  phone.start();
}
</script>"""


@pytest.fixture(scope="module")
def jssip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One script, made of the package."""
    if CHROMIUM is None or shutil.which("npm") is None:
        pytest.skip("no chromium or no npm on PATH")
    work = tmp_path_factory.mktemp("jssip")
    fetch = ["npm", "install", "--no-audit", "--no-fund", "--silent", "jssip@3.13.8", "esbuild@0.25.0"]
    bundle = ["node_modules/.bin/esbuild", "node_modules/jssip/lib/JsSIP.js", "--bundle", "--global-name=JsSIP", "--outfile=jssip.js"]
    try:
        for command in (fetch, bundle):
            subprocess.run(command, cwd=work, check=True, capture_output=True, timeout=60)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"JsSIP cannot be had here: {type(error).__name__}")
    return (work / "jssip.js").read_text(encoding="utf-8")


async def phone_in(page: Page, script: str, port: int) -> None:
    """Registered when it returns. A page of localhost may use the microphone, which is Chromium's own beep."""

    async def answer(route: Route) -> None:
        is_script = route.request.url.endswith(".js")
        await route.fulfill(body=script if is_script else PAGE, content_type="text/javascript" if is_script else "text/html")

    await page.route("http://localhost/**", answer)
    await page.goto("http://localhost/phone")
    await page.evaluate(f"start({port})")
    await page.wait_for_function("registered", timeout=15_000)


async def test_a_browser_is_heard_and_its_mute_is_no_hold(install: Install, tmp_path: Path, jssip: str) -> None:
    sounds = short_sounds(tmp_path / "sounds", DIALPLAN / "sounds")
    policy, settings = ALWAYS + profile("orders", '"proof"'), {"keys.grace_seconds": "1", "capture.silent_hold_seconds": "10"}
    site = Site(tmp_path, install, policy, settings=settings, sounds=sounds, extra_dialplan=LINE, extra_pjsip=PHONES)
    async with running(site), async_playwright() as driver:
        rtp = site.pbx.workdir / "etc" / "rtp.conf"
        rtp.write_text(rtp.read_text().replace("icesupport = no", "icesupport = yes"))
        await asyncio.to_thread(site.pbx.cli, "module reload res_rtp_asterisk.so")
        for module in ("res_srtp.so", "res_pjsip_transport_websocket.so"):
            await asyncio.to_thread(site.pbx.cli, f"module load {module}")
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page()
        await phone_in(page, jssip, int(site.pbx.ari_url.rpartition(":")[2].partition("/")[0]))
        async with Phone("customer", 0, site.pbx.sip_port, source=Tone(tones.CUSTOMER)) as customer:
            await customer.dial("132")
            await page.wait_for_function("session && session.isEstablished()", timeout=15_000)
            try:
                await page.wait_for_function('session.connection.connectionState === "connected"', timeout=10_000)
            except PlaywrightTimeout:
                pytest.skip("Chromium and Asterisk find no way to each other here: ICE needs a network interface besides the loopback")
            await customer.talk(4.0)
            await page.evaluate("session.mute()")
            await customer.talk(3.5)
            await page.evaluate("session.unmute()")
            await customer.talk(3.0)
            await page.evaluate("session.hold()")
            await asyncio.sleep(0.5)
            customer.say(Tone(tones.CUSTOMER_HELD))
            await asyncio.sleep(2.0)
            customer.say(Tone(tones.CUSTOMER))
            await asyncio.sleep(0.1)
            await page.evaluate("session.unhold()")
            await customer.talk(2.0)
            await customer.hangup()
        await browser.close()
        (call,) = await asyncio.to_thread(site.wait_for_calls, 1)
        report = site.status()
        await asyncio.to_thread(wait_until_quiet, site)
    (row,) = site.recordings()
    audio = site.listen(row.id)
    heard = tones.seconds_of(audio[:, 0], {"customer": tones.CUSTOMER, "held": tones.CUSTOMER_HELD})
    assert "held" not in heard and heard["customer"] > 10.5, heard
    assert (levels_db(audio[:, 1]) > -45).sum() * 0.05 > 0.5, "the browser's beeps"
    assert report["alarms"] == {}, report["alarms"]
    assert SpanKind.HOLD in {span.kind for span in call.spans}
    assert any(mark.kind in (MarkKind.MUTED, MarkKind.PAUSES) and mark.at_ms > 3000 for mark in call.marks)
