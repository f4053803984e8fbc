"""Dutch."""

# ruff: noqa: E501 -- sentences read better whole

from __future__ import annotations

from asterisk_privacy.policy.phrases import Notice, Papers, Phrases

PHRASES = Phrases(
    day="1 dag",
    days="{n} dagen",
    keys={
        **dict(zip("0123456789", ("nul", "een", "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen"), strict=True)),
        "*": "sterretje",
        "#": "hekje",
    },
    notice=Notice(
        may="Dit gesprek kan worden opgenomen {for_}.",
        always="Dit gesprek wordt opgenomen {for_}.",
        ask="Mogen we dit gesprek opnemen {for_}?",
        clause="voor {title}, bewaard {kept}",
        clause_sampled="voor {title} (een op de {n} gesprekken, willekeurig gekozen), bewaard {kept}",
        clause_some="voor {title} (enkele gesprekken, willekeurig gekozen), bewaard {kept}",
        clause_flagged="voor {title} (alleen als onze medewerker het bewaart), bewaard {kept}",
        clause_marked="voor {title} (alleen het deel dat onze medewerker markeert), bewaard {kept}",
        kept="tot {until}",
        latest=", uiterlijk {latest} na het gesprek",
        also="; en ",
        optional="Alleen als u {key} toetst: {for_}.",
        never_waiting="Nooit terwijl u wacht.",
        statement="Onze privacyverklaring staat op {where}.",
        website="onze website",
        refuse="Wilt u geen opname, toets dan {key}.",
        agree="Gaat u akkoord, toets dan {key}.",
        silence="Anders nemen we niet op.",
    ),
    papers=Papers(
        titles={
            "statement": "Opnemen van telefoongesprekken",
            "record": "Register van verwerkingsactiviteiten (AVG art. 30): opnemen van telefoongesprekken",
            "council": "Ondernemingsraad: opnemen van telefoongesprekken",
            "dpia": "Gegevens voor de gegevensbeschermingseffectbeoordeling (AVG art. 35): opnemen van telefoongesprekken",
            "table": "Wat er met een opname gebeurt",
            "announcement": "Meldteksten",
        },
        columns={
            "statement": ("Waarvoor", "Grondslag", "Welke gesprekken", "Bewaard tot", "Uiterlijk", "Uw keuze"),
            "record": (
                "Doel",
                "Grondslag",
                "Onderbouwing",
                "Betrokkenen",
                "Persoonsgegevens",
                "Ontvangers",
                "Doorgifte buiten de EER",
                "Bewaartermijn",
                "Beveiliging",
            ),
            "council": ("Doel", "Welke gesprekken", "Wat een medewerker merkt", "Bewaard tot", "Uiterlijk"),
            "dpia": (
                "Doel",
                "Grondslag en waarom",
                "Noodzaak: welke gesprekken",
                "Risico voor bellers en medewerkers",
                "Wat het beperkt",
                "Uiterlijk",
            ),
            "table": ("Doel", "Gemeld", "Gekozen", "Nooit opgenomen", "Opgeslagen", "Beluisterd", "Eindigt", "Gewist"),
            "announcement": ("Profiel", "Taal", "Tekst"),
        },
        intro={
            "statement": (
                "Verwerkingsverantwoordelijke: {name}. Contact: {contact}. Functionaris gegevensbescherming: {dpo}.",
                "We kunnen telefoongesprekken opnemen, en zeggen dat voordat de opname begint. Er wordt niets opgenomen terwijl u wacht, in een wachtrij staat of wordt doorverbonden.",
            ),
            "record": ("Verwerkingsverantwoordelijke: {name}, {contact}. Functionaris gegevensbescherming: {dpo}.",),
            "council": (
                "Er wordt opgenomen voor de doelen hieronder en voor geen andere. Wachtstand, wachtrij, ruggespraak en pauzes worden nooit opgenomen; "
                "een medewerker kan pauzeren en buiten de opname praten.",
            ),
            "dpia": (
                "Verwerkingsverantwoordelijke: {name}. Functionaris gegevensbescherming: {dpo}.",
                "Aard: gesprekken staan alleen in het geheugen; wat geen doel bewaart, laat niets na. Wat bewaard wordt, is versleuteld met sleutels die de opnemer niet heeft.",
            ),
            "table": (),
            "announcement": (),
        },
        closing={
            "statement": (
                "U kunt een kopie van uw opnamen vragen, ze laten wissen of beperken, en bezwaar maken; vraag het {contact}. "
                "U kunt een klacht indienen bij de toezichthouder. Toestemming kunt u altijd intrekken, voor de toekomst.",
            ),
            "record": (),
            "council": (
                "Een medewerker kan vragen welke opnamen van hem er zijn, waarvoor, en wie ze beluisterde. Welke gesprekken het "
                "toeval kiest, kan niemand zien zolang ze duren.",
            ),
            "dpia": (
                "Door de organisatie aan te vullen: raadpleging van bellers en personeel, advies van de functionaris gegevensbescherming, restrisico.",
            ),
            "table": (),
            "announcement": (),
        },
        triggers={
            "campaign": "gesprekken van aangewezen toestellen of lijnen, voor beperkte tijd en in beperkt aantal, om een storing te vinden",
            "marked": "alleen het deel van een gesprek dat de medewerker markeert",
            "flag": "alleen gesprekken die de medewerker bewaart",
            "sample": "een op de {n} gesprekken, willekeurig gekozen",
            "some": "enkele gesprekken, willekeurig gekozen",
            "always": "elk gesprek",
        },
        bases={
            "consent": "toestemming (art. 6 lid 1 a)",
            "contract": "overeenkomst (art. 6 lid 1 b)",
            "legal-obligation": "wettelijke verplichting (art. 6 lid 1 c)",
            "vital-interests": "vitale belangen (art. 6 lid 1 d)",
            "public-task": "publieke taak (art. 6 lid 1 e)",
            "legitimate-interest": "gerechtvaardigd belang (art. 6 lid 1 f)",
        },
        noticed={
            "campaign": "niets",
            "marked": "zijn eigen toetsen en de toon daarvan",
            "flag": "zijn eigen toets en de toon daarvan",
            "sample": "niets",
            "always": "niets; het is gemeld",
        },
        risk="een opgenomen gesprek komt bij iemand voor wie het niet bedoeld was, wordt te lang bewaard, of dient om een medewerker te volgen",
        choices={"refuse": "toets {key} weigert", "agree": "alleen met toets {key}", "object": "achteraf bezwaar maken"}
        | {"further": "bezwaar maken tegen alleen het andere gebruik"},
        further="Mag ook beluisterd worden voor {title}; dat is ermee verenigbaar (AVG art. 6 lid 4): {because}",
        heard_further="voor dit doel, of voor wat ermee verenigbaar is ({purposes}); elke beluistering en uitlevering wordt vastgelegd",
        people="bellers, gebelden, medewerkers",
        data="stemmen en wat er gezegd wordt; tijd, lijn en medewerker van het gesprek; het nummer als hash met sleutel en verzegeld",
        receivers="beoordelaars met een eigen sleutel; niemand anders zonder vastgelegde overdracht",
        transfers="geen",
        security="versleuteld met de sleutels van de beoordelaars (age), geheime sleutels niet op de opnemer, logboek waarin wijzigingen opvallen, elke nacht wissen met bewijs",
        steps=(
            "voordat de opname begint ({profiles})",
            "{trigger}",
            "wachtstand, wachtrij, doorverbinden, muziek, pauze, buiten de opname",
            "versleuteld; de opnemer zelf kan het niet openen",
            "alleen voor dit doel; elke uitlevering wordt vastgelegd",
            "tot {until}",
            "uiterlijk {latest} na het gesprek; elke nacht, met bewijs",
        ),
        rows="Van een gesprek waarvan niets bewaard blijft, worden lijn, medewerker en verloop {unkept} erna gewist. Medewerker en verloop van een gewiste opname gaan {unkept} na het wissen; haar tijdstippen, doelen, de melding en het bewijs van wissen blijven {evidence} als bewijs. Het logboek blijft; er staat geen beller in.",
        unknown="(in te vullen)",
    ),
)
