"""German."""

# ruff: noqa: E501 -- sentences read better whole

from __future__ import annotations

from asterisk_privacy.policy.phrases import Notice, Papers, Phrases

PHRASES = Phrases(
    day="1 Tag",
    days="{n} Tage",
    keys={
        **dict(zip("0123456789", ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"), strict=True)),
        "*": "Stern",
        "#": "Raute",
    },
    notice=Notice(
        may="Dieses Gespräch kann aufgezeichnet werden {for_}.",
        always="Dieses Gespräch wird aufgezeichnet {for_}.",
        ask="Dürfen wir dieses Gespräch aufzeichnen {for_}?",
        clause="für {title}, aufbewahrt {kept}",
        clause_sampled="für {title} (eines von {n} Gesprächen, zufällig gewählt), aufbewahrt {kept}",
        clause_some="für {title} (einige Gespräche, zufällig gewählt), aufbewahrt {kept}",
        clause_flagged="für {title} (nur wenn unser Mitarbeiter es speichert), aufbewahrt {kept}",
        clause_marked="für {title} (nur der Teil, den unser Mitarbeiter markiert), aufbewahrt {kept}",
        kept="bis {until}",
        latest=", spätestens {latest} nach dem Gespräch",
        also="; und ",
        optional="Nur wenn Sie die {key} drücken: {for_}.",
        never_waiting="Nie, während Sie warten.",
        statement="Unsere Datenschutzerklärung finden Sie auf {where}.",
        website="unserer Website",
        refuse="Möchten Sie keine Aufnahme, drücken Sie die {key}.",
        agree="Sind Sie einverstanden, drücken Sie die {key}.",
        silence="Sonst zeichnen wir nicht auf.",
    ),
    papers=Papers(
        titles={
            "statement": "Aufzeichnung von Telefongesprächen",
            "record": "Verzeichnis von Verarbeitungstätigkeiten (DSGVO Art. 30): Aufzeichnung von Telefongesprächen",
            "council": "Betriebsrat: Aufzeichnung von Telefongesprächen",
            "dpia": "Angaben für die Datenschutz-Folgenabschätzung (DSGVO Art. 35): Aufzeichnung von Telefongesprächen",
            "table": "Was mit einer Aufnahme geschieht",
            "announcement": "Ansagetexte",
        },
        columns={
            "statement": ("Wofür", "Rechtsgrundlage", "Welche Gespräche", "Aufbewahrt bis", "Spätestens", "Ihre Wahl"),
            "record": (
                "Zweck",
                "Rechtsgrundlage",
                "Begründung",
                "Betroffene",
                "Personenbezogene Daten",
                "Empfänger",
                "Übermittlung außerhalb des EWR",
                "Löschfrist",
                "Sicherheitsmaßnahmen",
            ),
            "council": ("Zweck", "Welche Gespräche", "Was ein Mitarbeiter bemerkt", "Aufbewahrt bis", "Spätestens"),
            "dpia": (
                "Zweck",
                "Rechtsgrundlage und warum",
                "Notwendigkeit: welche Gespräche",
                "Risiko für Anrufer und Mitarbeiter",
                "Was es begrenzt",
                "Spätestens",
            ),
            "table": ("Zweck", "Angesagt", "Gewählt", "Nie aufgezeichnet", "Gespeichert", "Angehört", "Endet", "Gelöscht"),
            "announcement": ("Profil", "Sprache", "Text"),
        },
        intro={
            "statement": (
                "Verantwortlicher: {name}. Kontakt: {contact}. Datenschutzbeauftragter: {dpo}.",
                "Wir können Telefongespräche aufzeichnen und sagen Ihnen das, bevor die Aufnahme beginnt. Nichts wird aufgezeichnet, während Sie warten, in einer Warteschlange sind oder verbunden werden.",
            ),
            "record": ("Verantwortlicher: {name}, {contact}. Datenschutzbeauftragter: {dpo}.",),
            "council": (
                "Aufgezeichnet wird für die Zwecke unten und für keine anderen. Halten, Warteschlange, Rücksprache und Pausen werden nie aufgezeichnet; "
                "ein Mitarbeiter kann pausieren und außerhalb der Aufnahme sprechen.",
            ),
            "dpia": (
                "Verantwortlicher: {name}. Datenschutzbeauftragter: {dpo}.",
                "Art: Gespräche stehen nur im Arbeitsspeicher; was kein Zweck behält, hinterlässt nichts. Was bleibt, ist mit Schlüsseln verschlüsselt, die der Recorder nicht hat.",
            ),
            "table": (),
            "announcement": (),
        },
        closing={
            "statement": (
                "Sie können eine Kopie Ihrer Aufnahmen verlangen, sie löschen oder einschränken lassen und widersprechen; fragen Sie {contact}. "
                "Sie können sich bei der Aufsichtsbehörde beschweren. Eine Einwilligung können Sie jederzeit für die Zukunft widerrufen.",
            ),
            "record": (),
            "council": (
                "Ein Mitarbeiter kann fragen, welche Aufnahmen von ihm es gibt, wofür, und wer sie angehört hat. Welche Gespräche der "
                "Zufall wählt, kann niemand sehen, solange sie dauern.",
            ),
            "dpia": ("Von der Organisation zu ergänzen: Anhörung von Anrufern und Personal, Rat des Datenschutzbeauftragten, Restrisiko.",),
            "table": (),
            "announcement": (),
        },
        triggers={
            "campaign": "Gespräche bestimmter Nebenstellen oder Anschlüsse, für begrenzte Zeit und in begrenzter Zahl, um eine Störung zu finden",
            "marked": "nur der Teil eines Gesprächs, den der Mitarbeiter markiert",
            "flag": "nur Gespräche, die der Mitarbeiter speichert",
            "sample": "eines von {n} Gesprächen, zufällig gewählt",
            "some": "einige Gespräche, zufällig gewählt",
            "always": "jedes Gespräch",
        },
        bases={
            "consent": "Einwilligung (Art. 6 Abs. 1 a)",
            "contract": "Vertrag (Art. 6 Abs. 1 b)",
            "legal-obligation": "rechtliche Verpflichtung (Art. 6 Abs. 1 c)",
            "vital-interests": "lebenswichtige Interessen (Art. 6 Abs. 1 d)",
            "public-task": "öffentliche Aufgabe (Art. 6 Abs. 1 e)",
            "legitimate-interest": "berechtigtes Interesse (Art. 6 Abs. 1 f)",
        },
        noticed={
            "campaign": "nichts",
            "marked": "seine eigenen Tasten und deren Ton",
            "flag": "seine eigene Taste und deren Ton",
            "sample": "nichts",
            "always": "nichts; es ist angesagt",
        },
        risk="ein aufgezeichnetes Gespräch hört jemand, für den es nicht bestimmt war, es wird zu lange aufbewahrt oder dient dazu, einen Mitarbeiter zu überwachen",
        choices={"refuse": "Taste {key} lehnt ab", "agree": "nur mit Taste {key}", "object": "nachträglich widersprechen"}
        | {"further": "nur der anderen Verwendung widersprechen"},
        further="Darf auch angehört werden für {title}; das ist damit vereinbar (DSGVO Art. 6 Abs. 4): {because}",
        heard_further="für diesen Zweck oder für das, was damit vereinbar ist ({purposes}); jedes Anhören und jede Herausgabe wird protokolliert",
        people="Anrufer, Angerufene, Mitarbeiter",
        data="Stimmen und was gesagt wird; Zeit, Leitung und Mitarbeiter des Gesprächs; die Nummer als Hash mit Schlüssel und versiegelt",
        receivers="Prüfer mit eigenem Schlüssel; niemand sonst ohne protokollierte Übergabe",
        transfers="keine",
        security="verschlüsselt für die Schlüssel der Prüfer (age), geheime Schlüssel nicht auf dem Recorder, Protokoll, in dem Änderungen auffallen, jede Nacht Löschung mit Nachweis",
        steps=(
            "bevor die Aufnahme beginnt ({profiles})",
            "{trigger}",
            "Halten, Warteschlange, Verbinden, Musik, Pause, außerhalb der Aufnahme",
            "verschlüsselt; der Recorder selbst kann es nicht öffnen",
            "nur für diesen Zweck; jede Herausgabe wird protokolliert",
            "bis {until}",
            "spätestens {latest} nach dem Gespräch; jede Nacht, mit Nachweis",
        ),
        rows="Von einem Gespräch, von dem nichts bleibt, werden Leitung, Mitarbeiter und Verlauf gelöscht (Frist: {unkept}). Mitarbeiter und Verlauf einer gelöschten Aufnahme folgen ihr (Frist: {unkept}); ihre Zeitpunkte, Zwecke, die Ansage und der Löschnachweis bleiben als Nachweis (Frist: {evidence}). Das Protokoll bleibt; kein Anrufer wird darin genannt.",
        unknown="(auszufüllen)",
    ),
)
