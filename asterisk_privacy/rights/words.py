"""The sentences of answers to persons and of the facts of art. 15, in Dutch, English and German. Plain tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_EN: Final[Mapping[str, str]] = {
    "held": "Refused: a legal hold keeps it for a legal claim (GDPR art. 17(3)(e)). Ask again once the claim is settled.",
    "claim": "Refused: it is needed to establish, exercise or defend a legal claim (GDPR art. 17(3)(e)).",
    "claim-outweighs": "Refused: '{0}' is needed to establish, exercise or defend a legal claim (GDPR art. 21(1)).",
    "obligation": "It must be kept for '{0}': a legal obligation demands it (GDPR art. 17(3)(b)).",
    "public-task": "It must be kept for '{0}': a task in the public interest demands it (GDPR art. 17(3)(b)).",
    "ended": "It is no longer used for: {0}.",
    "erased": "Erased (GDPR art. 17(1)).",
    "no-objection": "Refused: '{0}' rests on {1}, against which the law gives no right to object (GDPR art. 21(1)).",
    "withdrawn": "It is no longer used for '{0}' (GDPR art. 21, 7(3)).",
    "none-left": "It served nothing else, and is erased.",
    "held-for-now": "A legal hold keeps it; it is erased once the hold is released.",
    "asked-for": "Not yet: an open request for access or restriction concerns it. It is erased once that is answered.",
    "asked-for-now": "An open request for access or restriction concerns it; it is erased once that is answered.",
    "restricted": "Restricted: it is stored, not listened to and not deleted until the restriction is lifted (GDPR art. 18).",
    "restricted-held": "A legal hold is on it as well.",
    "lifted": "The restriction is lifted; the person was to be told before (GDPR art. 18(3)).",
    "title": "Your data: what we keep of your telephone calls, and why (GDPR art. 15)",
    "made": "Made on {0}. Recordings: {1}.",
    "about-agent": "This is about recordings of calls in which you spoke as our employee.",
    "controller": "Responsible: {0}.",
    "controller-unknown": "Responsible: see the letter to which this belongs.",
    "number": "Telephone number as it is kept: {0}",
    "recorded": "Recorded: {0}, line {1}, length {2}",
    "heard": "Listened to or copied: {0}, for: {1}",
    "not-heard": "Nobody has listened to it.",
    "purpose": "Purpose: {0}. Legal basis: {1} ({2}).",
    "kept": "Kept until {0}. As things stand: {1}.",
    "further": "It may also be listened to for: {0}. That is compatible (GDPR art. 6(4)): {1} You may object to that alone.",
    "is-restricted": "Restricted since {0}: stored only (GDPR art. 18).",
    "is-held": "A legal hold keeps it for a legal claim, whatever the periods above say.",
    "categories-head": "What is kept",
    "categories": "Voices of both parties; date, time and length; the line; waits and pauses; the keys pressed to choose; your number, "
    "encrypted, and a keyed fingerprint of it to find it again.",
    "recipients-head": "Who gets it",
    "recipients": "Those of our staff who work for the purposes named; each listening is logged and stands below. The recording system "
    "hands nothing to others and sends nothing outside; if we gave a copy to somebody, our letter names him.",
    "source-head": "Where it comes from",
    "source": "From the telephone call itself; the number was sent along by the telephone network.",
    "profiling-head": "Automated decisions",
    "profiling": "None: no decision and no profile is made from it by a machine (GDPR art. 22).",
    "rights-head": "Your rights",
    "rights": "You may ask us to correct, erase or restrict it (GDPR art. 16 to 18), object to a purpose (art. 21), withdraw a "
    "consent at any time (art. 7(3)), and complain to the data protection authority (art. 77).",
    "transcript": "No transcript has been made of this recording. If one is made later, it belongs in this place.",
    "masked": "The voice of the other party was silenced in this copy to protect him or her (GDPR art. 15(4)).",
    "timeline": "Timeline, counted from the beginning of the call (hours:minutes:seconds)",
    "side-customer": "Left channel: customer. Right channel: our employees. Only conversation is in the audio; waits and pauses are left "
    "out.",
    "truncated": "The recording was cut off by a fault; the audio ends early.",
    "to": "to",
}
_NL: Final[Mapping[str, str]] = {
    "held": "Geweigerd: een bewaarplicht wegens een rechtsvordering houdt de opname vast (AVG art. 17 lid 3 onder e). Vraag het "
    "opnieuw als de zaak klaar is.",
    "claim": "Geweigerd: de opname is nodig voor een rechtsvordering (AVG art. 17 lid 3 onder e).",
    "claim-outweighs": "Geweigerd: '{0}' is nodig voor een rechtsvordering (AVG art. 21 lid 1).",
    "obligation": "De opname moet bewaard blijven voor '{0}': een wettelijke plicht eist dat (AVG art. 17 lid 3 onder b).",
    "public-task": "De opname moet bewaard blijven voor '{0}': een taak van algemeen belang eist dat (AVG art. 17 lid 3 onder b).",
    "ended": "De opname wordt niet meer gebruikt voor: {0}.",
    "erased": "Gewist (AVG art. 17 lid 1).",
    "no-objection": "Geweigerd: '{0}' berust op {1}, en daartegen geeft de wet geen recht van bezwaar (AVG art. 21 lid 1).",
    "withdrawn": "De opname wordt niet meer gebruikt voor '{0}' (AVG art. 21, art. 7 lid 3).",
    "none-left": "Zij diende nergens anders voor en is gewist.",
    "held-for-now": "Een bewaarplicht wegens een rechtsvordering houdt de opname vast; zij wordt gewist als die vervalt.",
    "asked-for": "Nog niet: een open verzoek om inzage of beperking gaat over deze opname. Zij wordt gewist als dat beantwoord is.",
    "asked-for-now": "Een open verzoek om inzage of beperking gaat over deze opname; zij wordt gewist als dat beantwoord is.",
    "restricted": "Beperkt: de opname wordt bewaard, niet beluisterd en niet gewist totdat de beperking wordt opgeheven (AVG art. 18).",
    "restricted-held": "Er rust ook een bewaarplicht wegens een rechtsvordering op.",
    "lifted": "De beperking is opgeheven; dat moest vooraf worden meegedeeld (AVG art. 18 lid 3).",
    "title": "Uw gegevens: wat wij van uw telefoongesprekken bewaren, en waarom (AVG art. 15)",
    "made": "Gemaakt op {0}. Opnamen: {1}.",
    "about-agent": "Dit gaat over opnamen van gesprekken die u als onze medewerker voerde.",
    "controller": "Verantwoordelijke: {0}.",
    "controller-unknown": "Verantwoordelijke: zie de brief waar dit bij hoort.",
    "number": "Telefoonnummer zoals het is bewaard: {0}",
    "recorded": "Opgenomen: {0}, lijn {1}, duur {2}",
    "heard": "Beluisterd of gekopieerd: {0}, voor: {1}",
    "not-heard": "Niemand heeft de opname beluisterd.",
    "purpose": "Doel: {0}. Grondslag: {1} ({2}).",
    "kept": "Bewaard tot {0}. Zoals het nu staat: {1}.",
    "further": "De opname mag ook beluisterd worden voor: {0}. Dat is verenigbaar (AVG art. 6 lid 4): {1} Tegen alleen dat kunt u bezwaar "
    "maken.",
    "is-restricted": "Beperkt sinds {0}: alleen bewaard (AVG art. 18).",
    "is-held": "Een bewaarplicht wegens een rechtsvordering houdt de opname vast, wat de termijnen hierboven ook zeggen.",
    "categories-head": "Wat er wordt bewaard",
    "categories": "De stemmen van beide partijen; datum, tijd en duur; de lijn; wachttijden en pauzes; de toetsen waarmee is gekozen; uw "
    "nummer, versleuteld, en een vingerafdruk daarvan met een geheime sleutel om het terug te vinden.",
    "recipients-head": "Wie het krijgt",
    "recipients": "De medewerkers die voor de genoemde doelen werken; elke keer luisteren wordt vastgelegd en staat hieronder. Het "
    "opnamesysteem geeft niets aan anderen en stuurt niets naar buiten; gaven wij iemand een kopie, dan noemt onze brief "
    "hem.",
    "source-head": "Waar het vandaan komt",
    "source": "Uit het telefoongesprek zelf; het nummer is door het telefoonnet meegestuurd.",
    "profiling-head": "Geautomatiseerde besluiten",
    "profiling": "Geen: er wordt niet door een machine over beslist en geen profiel van gemaakt (AVG art. 22).",
    "rights-head": "Uw rechten",
    "rights": "U kunt vragen om verbetering, wissing of beperking (AVG art. 16 tot en met 18), bezwaar maken tegen een doel (art. "
    "21), toestemming altijd intrekken (art. 7 lid 3) en een klacht indienen bij de Autoriteit Persoonsgegevens of een "
    "andere toezichthouder (art. 77).",
    "transcript": "Van deze opname is geen uitgeschreven tekst gemaakt. Komt die er later, dan hoort hij op deze plaats.",
    "masked": "De stem van de andere partij is in deze kopie stil gemaakt om die te beschermen (AVG art. 15 lid 4).",
    "timeline": "Tijdlijn, geteld vanaf het begin van het gesprek (uren:minuten:seconden)",
    "side-customer": "Linkerkanaal: klant. Rechterkanaal: onze medewerkers. Alleen het gesprek zelf zit in het geluid; wachten en pauzes "
    "niet.",
    "truncated": "De opname is door een storing afgebroken; het geluid eindigt te vroeg.",
    "to": "tot",
}
_DE: Final[Mapping[str, str]] = {
    "held": "Abgelehnt: Eine rechtliche Aufbewahrung sichert sie für einen Rechtsanspruch (DSGVO Art. 17 Abs. 3 lit. e). Fragen "
    "Sie nach dessen Klärung erneut.",
    "claim": "Abgelehnt: Sie wird für einen Rechtsanspruch gebraucht (DSGVO Art. 17 Abs. 3 lit. e).",
    "claim-outweighs": "Abgelehnt: '{0}' wird für einen Rechtsanspruch gebraucht (DSGVO Art. 21 Abs. 1).",
    "obligation": "Sie muss für '{0}' aufbewahrt werden: Eine rechtliche Verpflichtung verlangt es (DSGVO Art. 17 Abs. 3 lit. b).",
    "public-task": "Sie muss für '{0}' aufbewahrt werden: Eine Aufgabe im öffentlichen Interesse verlangt es (DSGVO Art. 17 Abs. 3 lit. "
    "b).",
    "ended": "Sie wird nicht mehr verwendet für: {0}.",
    "erased": "Gelöscht (DSGVO Art. 17 Abs. 1).",
    "no-objection": "Abgelehnt: '{0}' beruht auf {1}, wogegen das Gesetz kein Widerspruchsrecht gibt (DSGVO Art. 21 Abs. 1).",
    "withdrawn": "Sie wird nicht mehr für '{0}' verwendet (DSGVO Art. 21, Art. 7 Abs. 3).",
    "none-left": "Sie diente nichts anderem und ist gelöscht.",
    "held-for-now": "Eine rechtliche Aufbewahrung hält sie fest; sie wird gelöscht, sobald diese endet.",
    "asked-for": "Noch nicht: Ein offener Antrag auf Auskunft oder Einschränkung betrifft sie. Sie wird gelöscht, sobald er "
    "beantwortet ist.",
    "asked-for-now": "Ein offener Antrag auf Auskunft oder Einschränkung betrifft sie; sie wird gelöscht, sobald er beantwortet ist.",
    "restricted": "Eingeschränkt: Sie wird gespeichert, nicht abgehört und nicht gelöscht, bis die Einschränkung aufgehoben wird (DSGVO "
    "Art. 18).",
    "restricted-held": "Auch eine rechtliche Aufbewahrung liegt auf ihr.",
    "lifted": "Die Einschränkung ist aufgehoben; darüber war vorher zu unterrichten (DSGVO Art. 18 Abs. 3).",
    "title": "Ihre Daten: was wir von Ihren Telefongesprächen aufbewahren, und warum (DSGVO Art. 15)",
    "made": "Erstellt am {0}. Aufnahmen: {1}.",
    "about-agent": "Es geht um Aufnahmen von Gesprächen, die Sie als Mitarbeiter führten.",
    "controller": "Verantwortlich: {0}.",
    "controller-unknown": "Verantwortlich: siehe das Schreiben, zu dem dies gehört.",
    "number": "Telefonnummer, wie sie gespeichert ist: {0}",
    "recorded": "Aufgenommen: {0}, Anschluss {1}, Dauer {2}",
    "heard": "Abgehört oder kopiert: {0}, für: {1}",
    "not-heard": "Niemand hat sie abgehört.",
    "purpose": "Zweck: {0}. Rechtsgrundlage: {1} ({2}).",
    "kept": "Aufbewahrt bis {0}. Derzeit: {1}.",
    "further": "Sie darf auch angehört werden für: {0}. Das ist vereinbar (DSGVO Art. 6 Abs. 4): {1} Dem allein können Sie widersprechen.",
    "is-restricted": "Eingeschränkt seit {0}: nur gespeichert (DSGVO Art. 18).",
    "is-held": "Eine rechtliche Aufbewahrung hält sie für einen Rechtsanspruch fest, was immer die Fristen oben sagen.",
    "categories-head": "Was aufbewahrt wird",
    "categories": "Die Stimmen beider Seiten; Datum, Uhrzeit und Dauer; der Anschluss; Wartezeiten und Pausen; die Tasten, mit denen "
    "gewählt wurde; Ihre Nummer, verschlüsselt, und ein Fingerabdruck davon mit geheimem Schlüssel, um sie wiederzufinden.",
    "recipients-head": "Wer es erhält",
    "recipients": "Mitarbeiter, die für die genannten Zwecke arbeiten; jedes Abhören wird protokolliert und steht unten. Das "
    "Aufnahmesystem gibt nichts an andere und sendet nichts nach außen; gaben wir jemandem eine Kopie, so nennt ihn unser "
    "Schreiben.",
    "source-head": "Woher es stammt",
    "source": "Aus dem Telefongespräch selbst; die Nummer wurde vom Telefonnetz mitgesandt.",
    "profiling-head": "Automatisierte Entscheidungen",
    "profiling": "Keine: Keine Maschine entscheidet damit oder bildet ein Profil daraus (DSGVO Art. 22).",
    "rights-head": "Ihre Rechte",
    "rights": "Sie können Berichtigung, Löschung oder Einschränkung verlangen (DSGVO Art. 16 bis 18), einem Zweck widersprechen "
    "(Art. 21), eine Einwilligung jederzeit widerrufen (Art. 7 Abs. 3) und sich bei der Datenschutzaufsicht beschweren "
    "(Art. 77).",
    "transcript": "Von dieser Aufnahme wurde keine Abschrift gemacht. Entsteht später eine, gehört sie an diese Stelle.",
    "masked": "Die Stimme der anderen Seite ist in dieser Kopie stumm, um sie zu schützen (DSGVO Art. 15 Abs. 4).",
    "timeline": "Zeitleiste, gezählt vom Beginn des Anrufs (Stunden:Minuten:Sekunden)",
    "side-customer": "Linker Kanal: Kunde. Rechter Kanal: unsere Mitarbeiter. Nur das Gespräch selbst ist zu hören; Warten und Pausen "
    "fehlen.",
    "truncated": "Die Aufnahme wurde durch eine Störung abgebrochen; der Ton endet zu früh.",
    "to": "bis",
}
WORDS: Final[Mapping[str, Mapping[str, str]]] = {"en": _EN, "nl": _NL, "de": _DE}

BASES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "consent": "consent, GDPR art. 6(1)(a)",
        "contract": "contract, GDPR art. 6(1)(b)",
        "legal-obligation": "legal obligation, GDPR art. 6(1)(c)",
        "vital-interests": "vital interests, GDPR art. 6(1)(d)",
        "public-task": "public task, GDPR art. 6(1)(e)",
        "legitimate-interest": "legitimate interest, GDPR art. 6(1)(f)",
    },
    "nl": {
        "consent": "toestemming, AVG art. 6 lid 1 onder a",
        "contract": "overeenkomst, AVG art. 6 lid 1 onder b",
        "legal-obligation": "wettelijke plicht, AVG art. 6 lid 1 onder c",
        "vital-interests": "vitale belangen, AVG art. 6 lid 1 onder d",
        "public-task": "publieke taak, AVG art. 6 lid 1 onder e",
        "legitimate-interest": "gerechtvaardigd belang, AVG art. 6 lid 1 onder f",
    },
    "de": {
        "consent": "Einwilligung, DSGVO Art. 6 Abs. 1 lit. a",
        "contract": "Vertrag, DSGVO Art. 6 Abs. 1 lit. b",
        "legal-obligation": "rechtliche Verpflichtung, DSGVO Art. 6 Abs. 1 lit. c",
        "vital-interests": "lebenswichtige Interessen, DSGVO Art. 6 Abs. 1 lit. d",
        "public-task": "öffentliche Aufgabe, DSGVO Art. 6 Abs. 1 lit. e",
        "legitimate-interest": "berechtigtes Interesse, DSGVO Art. 6 Abs. 1 lit. f",
    },
}

SPANS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {"notice": "announcement", "talk": "conversation", "hold": "on hold", "wait": "waiting", "lost": "lost"}
    | {"stranger": "with somebody who had refused or was not told", "joined": "together with another caller"},
    "nl": {"notice": "mededeling", "talk": "gesprek", "hold": "in de wacht", "wait": "wachten", "pause": "pauze"}
    | {"off-record": "niet opgenomen op verzoek", "lost": "verloren gegaan"}
    | {"stranger": "met iemand die had geweigerd of niets was verteld", "joined": "samen met een andere beller"},
    "de": {"notice": "Ansage", "talk": "Gespräch", "hold": "gehalten", "wait": "Warten", "pause": "Pause"}
    | {"off-record": "auf Wunsch nicht aufgenommen", "lost": "verloren"}
    | {"stranger": "mit jemandem, der abgelehnt hatte oder nicht informiert war", "joined": "zusammen mit einem anderen Anrufer"},
}
