"""Every setting of the daemon with its default and its range: one dataclass per table of config.toml."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from asterisk_privacy.daemon.review_settings import ADDRESSES, ROLES, Header, ReviewRoles
from asterisk_privacy.policy.book import Book
from asterisk_privacy.policy.evaluations import Calendar, Rhythm
from asterisk_privacy.policy.phrases import Office
from asterisk_privacy.policy.row_life import RowLife
from asterisk_privacy.setup.shipped import SHARE

Text = Annotated[str, Meta(min_length=1, description="text of at least one character")]
AGENTS = Meta(description="a table of agents, each with a list of dates", examples=['{ "PJSIP/anna" = ["2027-02-15"] }'])
Word = Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]{1,64}$", description="a word of letters, digits, - _ and .")]

NodeName = Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]{0,64}$", description="a name of letters, digits, - _ and .", examples=['"pbx-1"'])]

CountryCode = Annotated[
    str,
    Meta(pattern="^([1-9][0-9]{0,2})?$", description="the digits of a country code without + or 00", examples=['"31"']),
]

BucketName = Annotated[
    str,
    Meta(
        pattern="^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$",
        description="the name of a bucket (3 to 63 lowercase letters, digits, . and -)",
        examples=['"recordings-of-example"'],
    ),
]
Endpoint = Annotated[
    str,
    Meta(
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$",
        description="the address of a server, without a path",
        examples=['"https://s3.example.org"'],
    ),
]
EndpointPattern = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]+/[^/].*$")]
PATTERNS = Meta(
    description="a list of endpoints, each with its technology, in which * stands for anything", examples=['["PJSIP/1*", "SIP/2*"]']
)

Prefix = Annotated[
    str,
    Meta(pattern="^([A-Za-z0-9_.-]+/)*$", description="names that end in /, or empty", examples=['"recordings/"']),
]


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen or dial; written as "host:port", IPv6 as "[::1]:port"."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Unfinished(StrEnum):
    """What becomes of a recording that a crash left unfinished."""

    SEAL = "seal"
    REMOVE = "remove"


class Network(StrEnum):
    """What lies between the recorder and Asterisk, where they are not on one machine."""

    OPEN = "open"
    PRIVATE = "private"  # their own network or a tunnel: then nobody need be warned that they speak in clear


@dataclass(frozen=True, slots=True)
class Asterisk:
    ari_url: Text = "http://127.0.0.1:8088"
    ari_user: Word = "asterisk-privacy"
    ari_password_file: Path = Path("/etc/asterisk-privacy/ari.secret")
    app: Word = "asterisk-privacy"
    network: Network = Network.OPEN


class How(StrEnum):
    """How a party is heard."""

    SNOOP = "snoop"  # by a channel of Asterisk's own, over AudioSocket
    WIRE = "wire"  # as his packets reach this machine, which is Asterisk's


@dataclass(frozen=True, slots=True)
class AgentsNamed:
    """Endpoints of agents, beside those that have the template privacy-agent: patterns such as "PJSIP/1*"."""

    endpoints: Annotated[list[EndpointPattern], PATTERNS] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FastAgi:
    listen: Address = Address("127.0.0.1", 4573)


@dataclass(frozen=True, slots=True)
class Capture:
    """Audio from Asterisk, and the doubts that shut the gate. Times in milliseconds."""

    how: How = How.SNOOP
    listen: Address = Address("127.0.0.1", 9092)
    advertise: Address | None = None
    secret_file: Path | None = None  # with which the taps' UUIDs are tagged; None: a secret of each start
    quarantine_ms: Annotated[int, Meta(ge=200, le=5000)] = 1000  # longer than the worst delay of an event
    resume_debounce_ms: Annotated[int, Meta(ge=0, le=1000)] = 60
    blind_ms: Annotated[int, Meta(ge=100, le=60000)] = 1000  # of exact zeros on one leg before it is tapped afresh
    silent_hold_seconds: Annotated[int, Meta(ge=0, le=120)] = 10  # of dead silence from the agent's phone until it counts as a hold; 0: off
    music_hold_seconds: Annotated[int, Meta(ge=0, le=120)] = 8  # the same of music from there

    @property
    def dialled(self) -> Address:
        """What Asterisk dials to hand over the audio: `advertise`, or else `listen`."""
        return self.advertise or self.listen


@dataclass(frozen=True, slots=True)
class Ring:
    """Memory for calls that may still be kept. Beyond `max_minutes` a call's ring is circular and the loss is marked."""

    max_minutes: Annotated[int, Meta(ge=1, le=600)] = 180
    max_total_mib: Annotated[int, Meta(ge=1, le=1048576)] = 1024


@dataclass(frozen=True, slots=True)
class Keys:
    grace_seconds: Annotated[int, Meta(ge=0, le=3600)] = 60  # in which the keep key still works after hang-up
    objection_purpose: str = ""  # what the objection key takes away; empty: every purpose with trigger "sample"


@dataclass(frozen=True, slots=True)
class Dialplan:
    sounds: Path = SHARE / "sounds"


@dataclass(frozen=True, slots=True)
class Store:
    directory: Path = Path("/var/lib/asterisk-privacy/recordings")
    recipients: Path = Path("/etc/asterisk-privacy/recipients.txt")
    unfinished: Unfinished = Unfinished.SEAL


@dataclass(frozen=True, slots=True)
class S3:
    """A bucket on S3-compatible storage, to which sealed recordings go from this machine; see asterisk_privacy/store/objects.py."""

    bucket: BucketName = ""  # empty: they stay here
    endpoint: Endpoint = "https://s3.eu-central-1.amazonaws.com"
    region: Word = "eu-central-1"
    prefix: Prefix = "recordings/"
    path_style: bool = True  # ENDPOINT/BUCKET; else BUCKET.ENDPOINT
    access_key: Path | None = None  # None: systemd's credential "s3", or the environment
    ca_file: Path | None = None  # None: the system's certificate authorities
    check_days: Annotated[int, Meta(ge=0, le=3650)] = 30  # within which each recording there is read whole once, by night; 0: never
    waiting_minutes: Annotated[int, Meta(ge=1, le=10080)] = 30  # for its upload, until that is an alarm
    queue_mib: Annotated[int, Meta(ge=16, le=16777216)] = 10240  # that wait; beyond that no new call is announced or recorded


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    path: Path = Path("/var/lib/asterisk-privacy/registry.sqlite")
    url: str = ""  # of a PostgreSQL database in place of the file; see registry_place.py
    password_file: Path | None = None  # None: systemd's credential "registry.password", PGPASSFILE, a certificate
    node: NodeName = ""  # whose PBX this is, where several share the registry; empty: the host's name
    tenant: str = ""  # only this company's rows are seen and written from here; empty: those that the database's user may see
    number_key: Path = Path("/etc/asterisk-privacy/number.key")  # 32 random bytes in hex
    country_code: CountryCode = ""  # empty: national numbers stay national
    unkept_calls_days: Annotated[int, Meta(ge=1, le=3650)] = RowLife().unkept_calls_days
    evidence_days: Annotated[int, Meta(ge=30, le=7300)] = RowLife().evidence_days
    checkpoints: Path = Path("/var/lib/asterisk-privacy/checkpoints.jsonl")
    checkpoint_key: Path = Path("/etc/asterisk-privacy/checkpoint.key")  # private; only the nightly run reads it
    checkpoint_public_key: Path = Path("/etc/asterisk-privacy/checkpoint.pub")


@dataclass(frozen=True, slots=True)
class PurgerSettings:
    """The brake trips when a plan deletes at least `brake_at_least` items *and* more than `brake_percent` of all."""

    at: time = time(3, 30)  # local time, daily
    brake_percent: Annotated[int, Meta(ge=1, le=100)] = 25
    brake_at_least: Annotated[int, Meta(ge=1, le=1000000)] = 20


@dataclass(frozen=True, slots=True)
class Evaluations:
    """When agents are evaluated, which ends retention until "evaluation". Days are those of UTC."""

    default: Rhythm = Rhythm.QUARTERLY  # on the first day of each, for agents without a date of their own after the call
    agents: Annotated[dict[str, list[date]], AGENTS] = field(default_factory=dict)

    @property
    def calendar(self) -> Calendar:
        return Calendar(self.default, self.agents)


@dataclass(frozen=True, slots=True)
class Control:
    socket: Path = Path("/run/asterisk-privacy/control.sock")


@dataclass(frozen=True, slots=True)
class Review:
    """The page on which people listen; see asterisk_privacy/review/."""

    listen: Address = Address("127.0.0.1", 8480)
    recorder_socket: Path | None = (
        None  # where it asks the recorder, if the registry is a file; None: beside the control socket's directory
    )
    behind_proxy: bool = False  # a proxy speaks HTTPS with the browsers
    identity: Path | None = None  # secret keys; None: systemd's credential "identity"
    accounts: Path = Path("/etc/asterisk-privacy/review-accounts.json")
    proxy_header: Header = ""  # who has signed in with the proxy; empty: passwords are asked
    proxy_addresses: Annotated[list[str], ADDRESSES] = field(default_factory=lambda: ["127.0.0.1", "::1"])
    idle_minutes: Annotated[int, Meta(ge=1, le=240)] = 15
    session_hours: Annotated[int, Meta(ge=1, le=24)] = 10
    listen_minutes: Annotated[int, Meta(ge=1, le=240)] = 30
    roles: Annotated[dict[str, dict[str, list[str]]], ROLES] = field(default_factory=dict)

    def purposes(self, book: Book) -> ReviewRoles:
        return ReviewRoles.of(self.roles, book)


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Log:
    level: LogLevel = LogLevel.INFO


@dataclass(frozen=True, slots=True)
class Metrics:
    listen: Address | None = None  # of /metrics for Prometheus; None: off


@dataclass(frozen=True, slots=True)
class Config:
    book: Book
    asterisk: Asterisk = field(default_factory=Asterisk)
    agents: AgentsNamed = field(default_factory=AgentsNamed)
    fastagi: FastAgi = field(default_factory=FastAgi)
    capture: Capture = field(default_factory=Capture)
    ring: Ring = field(default_factory=Ring)
    keys: Keys = field(default_factory=Keys)
    dialplan: Dialplan = field(default_factory=Dialplan)
    store: Store = field(default_factory=Store)
    s3: S3 = field(default_factory=S3)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    purger: PurgerSettings = field(default_factory=PurgerSettings)
    evaluations: Evaluations = field(default_factory=Evaluations)
    control: Control = field(default_factory=Control)
    metrics: Metrics = field(default_factory=Metrics)
    log: Log = field(default_factory=Log)
    office: Office = field(default_factory=Office)
    review: Review = field(default_factory=Review)
