"""`asterisk-privacy register`: the texts that the policy makes true, for callers, the works council and the supervisory authority."""

from __future__ import annotations

import csv
import io
import subprocess
import wave
from pathlib import Path
from tempfile import NamedTemporaryFile

import click
import numpy as np

from asterisk_privacy.cli.common import config_option, operator_errors
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.tenants import told_for
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.escaping import printable_json
from asterisk_privacy.policy.book import LANGUAGES, Book
from asterisk_privacy.policy.texts import DOCUMENTS, Document, announcements, document

FORMATS = ("text", "markdown", "csv", "json")
VOICES = {"nl": ("nl", 180), "en": ("en-gb", 175), "de": ("de", 188)}  # espeak-ng's voice, words a minute
RATE = 8000
PEAK = 16384  # -6 dBFS


@click.command("register")
@click.argument("what", type=click.Choice(["announcement", *DOCUMENTS]))
@config_option
@click.option(
    "--language", type=click.Choice(LANGUAGES), help="Default: the profile's for an announcement, [office] language for the rest."
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: text for an announcement, markdown for the rest.")
@click.option("--profile", metavar="NAME", help="Only this profile, or the purposes that it announces.")
@click.option("--tenant", metavar="NAME", help="Where [tenants] are named: of this company's lines and purposes only.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write there instead of to the terminal.")
@click.option(
    "--speak",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Announcements only: make DIR/LANGUAGE/NAME.wav and .txt, to play instead of the shipped notices (needs espeak-ng).",
)
@operator_errors
def register(
    what: str,
    config: Path,
    language: str | None,
    form: str | None,
    profile: str | None,
    tenant: str | None,
    output: Path | None,
    speak: Path | None,
) -> None:
    """Write what callers, staff and authorities are told about recordings, from the policy that the purger obeys.

    \b
    WHAT is one of
      announcement  what a caller hears before the recording begins
      statement     the passage for the privacy statement
      record        the record of processing activities (GDPR art. 30)
      council       a sheet for the works council
      dpia          input for the data protection impact assessment
      table         what happens to a recording of each purpose

    \b
    Examples:
      asterisk-privacy register announcement --profile sales
      asterisk-privacy register announcement --speak /usr/share/asterisk-privacy/sounds
      asterisk-privacy register record --language nl --format csv --output register.csv

    Each company on a system of several ([tenants]) answers for itself: its texts are written with --tenant, and name no other.
    """
    settings = load(config)
    if profile is not None and profile not in settings.book.profiles:
        raise click.UsageError(f"there is no profile {profile!r}; known: {', '.join(settings.book.profiles)}")
    book, office = told_for(settings, _company(settings.book, tenant, profile))
    if what == "announcement":
        made = announcements(book, office, language, profile)
    else:
        if speak:
            raise click.UsageError("--speak goes with announcement only")
        made = document(what, book, office, language or office.language, profile)
    if speak:
        for name, tongue, text in made.rows:
            echo(f'{_speak(text, tongue, speak / tongue / f"notice-{name}")}: set [profiles.{name}] announcement = "notice-{name}"')
        return
    text = render(made, form or ("text" if what == "announcement" else "markdown"), bare=what == "announcement")
    if output is None:
        echo(text.removesuffix("\n"), lines=True)
    else:
        _write(output, text)


def _company(book: Book, tenant: str | None, profile: str | None) -> str | None:
    """Whose text it is. None: there is one company only, and it has no name here."""
    if tenant is not None and tenant not in book.tenants:
        raise click.UsageError(f"there is no tenant {tenant!r}; known: {', '.join(book.tenants) or 'none'}")
    found = tenant or (book.profiles[profile].tenant if profile else None) or (next(iter(book.tenants)) if len(book.tenants) == 1 else None)
    if found is None and book.tenants:
        raise click.UsageError(f"each company has texts of its own: add --tenant with one of {', '.join(book.tenants)}")
    if profile is not None and found != book.profiles[profile].tenant:
        raise click.UsageError(f"profile {profile!r} is not a line of tenant {found!r}")
    return found


def render(made: Document, form: str, bare: bool = False) -> str:
    """`bare`: as text, only the last column, one paragraph a row."""
    if form == "json":
        rows = [dict(zip(made.headings, row, strict=True)) for row in made.rows]
        return printable_json({"title": made.title, "intro": made.intro, "rows": rows, "closing": made.closing}) + "\n"
    if form == "csv":
        buffer = io.StringIO()
        csv.writer(buffer).writerows([made.headings, *map(_harmless, made.rows)])
        return buffer.getvalue()
    if form == "text" and bare:
        return "".join(f"{row[-1]}\n" for row in made.rows)
    if form == "text":
        blocks = ["\n".join(f"{heading}: {cell}" for heading, cell in zip(made.headings, row, strict=True)) for row in made.rows]
        return "\n\n".join([made.title, *made.intro, *blocks, *made.closing]) + "\n"
    lines = [made.headings, ("---",) * len(made.headings), *made.rows]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines)
    return "\n\n".join([f"# {made.title}", *made.intro, table, *made.closing]) + "\n"


def _harmless(row: tuple[str, ...]) -> list[str]:
    """A spreadsheet takes a cell that begins so for a formula."""
    return [f"'{cell}" if cell.startswith(("=", "+", "-", "@")) and cell != "-" else cell for cell in row]


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OperatorError(f"{path}: cannot write it ({error.strerror}); name another place") from error


def _speak(text: str, language: str, target: Path) -> Path:
    """`target`.wav (8 kHz, mono, 16 bit) and `target`.txt, which check-config reads."""
    voice, speed = VOICES[language]
    with NamedTemporaryFile(suffix=".wav") as raw:
        try:
            subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", raw.name, "--", text], check=True, capture_output=True)
        except FileNotFoundError:
            raise OperatorError(
                "espeak-ng is not here; install it (apt install espeak-ng), or record a person who reads the text"
            ) from None
        except subprocess.CalledProcessError as error:
            raise OperatorError(f"espeak-ng failed: {error.stderr.decode(errors='replace').strip()}; see espeak-ng --voices") from error
        with wave.open(raw.name) as spoken:
            rate, sound = spoken.getframerate(), np.frombuffer(spoken.readframes(spoken.getnframes()), "<i2")
    _write(target.with_suffix(".txt"), text + "\n")
    wav = target.with_suffix(".wav")
    try:
        with wave.open(str(wav), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(telephone(sound, rate).tobytes())
    except OSError as error:
        raise OperatorError(f"{wav}: cannot write it ({error.strerror}); name another directory") from error
    return wav


def telephone(sound: np.ndarray, rate: int) -> np.ndarray:
    """int16 of any rate (Hz) -> little-endian int16 at 8 kHz with a peak of -6 dBFS: the band up to 3.7 kHz, by Fourier transform."""
    count = round(len(sound) * RATE / rate)
    spectrum = np.fft.rfft(sound.astype(np.float64))
    spectrum[np.fft.rfftfreq(len(sound), 1 / rate) > 3700] = 0
    bins = count // 2 + 1
    cut = np.zeros(bins, complex)
    cut[: min(bins, len(spectrum))] = spectrum[:bins]
    samples = np.fft.irfft(cut, count)
    return (samples * (PEAK / max(1e-9, float(np.abs(samples).max())))).astype("<i2")
