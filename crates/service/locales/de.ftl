# Was der Dienst den Menschen sagt. Kurz, aktiv, ohne Vorwurf (siehe CONTRIBUTING.md).

view-choose-method-title = Wie möchten Sie sich ausweisen?
view-choose-method-text = Wählen Sie einen Weg.
view-enter-code-title = Code eingeben
view-enter-code-text = Wenn die Kennung { $user } stimmt und eingerichtet ist, ist ein Code unterwegs. Das kann eine Minute dauern.
view-checking-title = Ihr Konto wird geprüft
view-checking-text = Das dauert einige Sekunden.
view-choice-title = Was möchten Sie tun?
view-choice-text = Konto entsperren oder neues Passwort setzen.
view-choice-none-title = Hier muss jemand helfen
view-choice-none-text = Dieses Konto lässt sich hier nicht öffnen. Rufen Sie Ihren Service an.
view-cannot-recover-disabled-title = Hier können Sie sich nicht selbst helfen
view-cannot-recover-disabled-text = Ihr Konto { $user } ist abgeschaltet. Einschalten können es nur: { $help }.
view-cannot-recover-protected-title = Hier können Sie sich nicht selbst helfen
view-cannot-recover-protected-text = Ihr Konto { $user } ist besonders geschützt. Nur ein Administrator kann damit helfen. Fragen Sie: { $help }.
view-cannot-recover-not-set-up-title = Hier können Sie sich nicht selbst helfen
view-cannot-recover-not-set-up-text = Ihr Konto { $user } ist hierfür nicht oder noch nicht eingerichtet: Es ist keine Adresse hinterlegt, an die ein Code gehen könnte. Hier wird Ihnen geholfen: { $help }.
view-new-password-title = Neues Passwort setzen
view-new-password-text = Nehmen Sie eines, das Sie sonst nirgends verwenden.
view-change-password-title = Ändern Sie Ihr Passwort
view-change-password-text = Geben Sie Ihr jetziges und ein neues Passwort ein.
view-working-title = Ihr Konto wird geändert
view-working-text = Das dauert einige Sekunden. Bleiben Sie auf dieser Seite.
view-done-unlock-title = Ihr Konto ist entsperrt
view-done-unlock-text = Melden Sie sich mit dem Passwort an, das Sie kennen.
view-done-reset-title = Ihr neues Passwort gilt
view-done-reset-text = Melden Sie sich mit dem neuen Passwort an.
view-not-done-title = Es wurde nichts geändert
view-not-done-text = Versuchen Sie es noch einmal oder rufen Sie Ihren Service an.
view-not-known-title = Das wissen wir noch nicht
view-not-known-text = Versuchen Sie sich anzumelden. Klappt es nicht, rufen Sie Ihren Service an und nennen Sie den Fallcode.
view-ended-title = Dieser Vorgang ist beendet
view-ended-text = Beginnen Sie neu, wenn Sie so weit sind.

mail-greeting = Guten Tag { $name },
mail-code-subject = { $tenant }: Ihr Code
mail-code-lead = Jemand möchte wieder in Ihr Konto { $user }. Wenn Sie das sind, geben Sie diesen Code ein:
mail-code-life =
    { $minutes ->
        [one] Er gilt { $minutes } Minute.
       *[other] Er gilt { $minutes } Minuten.
    }
mail-code-warn = Sagen Sie den Code niemandem, auch nicht Ihrem Service. Waren Sie das nicht, tun Sie nichts: Ohne den Code kommt niemand hinein.
mail-cannot-recover-subject = { $tenant }: Jemand wollte einen Code
mail-cannot-recover-lead = Jemand wollte einen Code für Ihr Konto { $user }. Dieses Konto lässt sich so nicht öffnen.
mail-cannot-recover-warn = Waren Sie das, rufen Sie Ihren Service an. Wenn nicht, tun Sie nichts.
mail-unlocked-subject = { $tenant }: Ihr Konto ist entsperrt
mail-unlocked-lead = Ihr Konto { $user } wurde eben entsperrt.
mail-unlocked-warn = Waren Sie das nicht, rufen Sie sofort Ihren Service an.
mail-password-set-subject = { $tenant }: Ihr Passwort wurde geändert
mail-password-set-lead = Für Ihr Konto { $user } wurde eben ein neues Passwort gesetzt.
mail-password-set-warn = Waren Sie das nicht, rufen Sie sofort Ihren Service an.
mail-address-changed-subject = { $tenant }: Die Adresse für Ihre Codes wurde geändert
mail-address-changed-lead = Die Adresse, an die Codes für Ihr Konto { $user } gehen, wurde geändert. Die neue gilt nach drei Tagen.
mail-address-changed-warn = Wissen Sie von dieser Änderung, tun Sie nichts. Wenn nicht, rufen Sie jetzt Ihren Service an.
mail-number-changed-subject = { $tenant }: Ihre Telefonnummer wurde geändert
mail-number-changed-lead = Eine Telefonnummer Ihres Kontos { $user } wurde ergänzt oder geändert. Sie gilt nach drei Tagen.
mail-number-changed-warn = Wissen Sie von dieser Änderung, tun Sie nichts. Wenn nicht, rufen Sie jetzt Ihren Service an.
mail-help = Hilfe: { $help }
mail-case = Fallcode: { $case }

mail-alert-greeting = Guten Tag,
mail-alert-no-agent-subject = { $tenant }: Kein Agent antwortet, niemandem kann geholfen werden
mail-alert-no-agent-lead =
    { $minutes ->
        [one] Seit { $minutes } Minute antwortet kein Agent des Verzeichnisses { $directory }. Solange das so ist, kann dort niemand selbst ein Konto entsperren oder ein neues Passwort setzen.
       *[other] Seit { $minutes } Minuten antwortet kein Agent des Verzeichnisses { $directory }. Solange das so ist, kann dort niemand selbst ein Konto entsperren oder ein neues Passwort setzen.
    }
mail-alert-no-agent-warn = Auf dem Rechner des Agenten: regain-agent doctor. Beim Dienst: regain-service directory list.
mail-alert-agent-back-subject = { $tenant }: Ein Agent antwortet wieder
mail-alert-agent-back-lead =
    { $minutes ->
        [one] Ein Agent des Verzeichnisses { $directory } antwortet wieder, nach etwa { $minutes } Minute. Den Leuten kann geholfen werden.
       *[other] Ein Agent des Verzeichnisses { $directory } antwortet wieder, nach etwa { $minutes } Minuten. Den Leuten kann geholfen werden.
    }
mail-alert-agent-back-warn = Zu tun ist nichts. Was war, steht im Ereignisprotokoll des Agenten.
mail-alert-hourly-limit-subject = { $tenant }: Ein Agent hat an seiner Stundengrenze angehalten
mail-alert-hourly-limit-lead = Vom Agenten { $agent } des Verzeichnisses { $directory } wurden in einer Stunde mehr Änderungen verlangt, als seine eigene Grenze erlaubt. Er hat angehalten.
mail-alert-hourly-limit-warn = Sehen Sie zuerst ins Prüfprotokoll: Vielleicht ändert jemand über den Dienst viele Konten. Ist alles in Ordnung, auf dem Rechner des Agenten: regain-agent release, unter Windows als Administrator, unter Linux als sein Benutzer: sudo -u regain-agent regain-agent release.
mail-alert-account-locked-subject = { $tenant }: Das Konto eines Agenten ist gesperrt
mail-alert-account-locked-lead = Das Verzeichnis { $directory } hat das Konto gesperrt, mit dem sich der Agent { $agent } anmeldet. Der Agent versucht es nur noch ab und zu, damit er das Konto nicht gesperrt hält.
mail-alert-account-locked-warn = Finden Sie heraus, wer falsche Passwörter versucht hat, entsperren Sie das Konto, dann auf dem Rechner des Agenten: regain-agent release, unter Windows als Administrator, unter Linux als sein Benutzer: sudo -u regain-agent regain-agent release. Was es künftig vor der Sperre schützt, zeigt regain-agent doctor.
mail-alert-account-refused-subject = { $tenant }: Das Konto eines Agenten wird abgewiesen
mail-alert-account-refused-lead = Das Verzeichnis { $directory } lässt das Konto nicht hinein, mit dem sich der Agent { $agent } anmeldet; wahrscheinlich ist das Passwort falsch. Der Agent versucht es nur noch ab und zu, damit er das Konto nicht sperrt.
mail-alert-account-refused-warn = Schreiben Sie das richtige Passwort in die Passwortdatei des Agenten; es wird sofort versucht. Was sonst falsch sein kann, sagt regain-agent doctor.

welcome-title = Ihr erster Tag: Passwort setzen
welcome-greeting = Guten Tag { $name }, willkommen bei { $tenant }.
welcome-lead = Niemand hat für Sie ein Passwort gewählt. Sie setzen Ihr erstes selbst, mit dem, was hier steht.
welcome-user = Ihre Benutzerkennung
welcome-address = Webadresse
welcome-qr = QR-Code mit der Webadresse { $address }
welcome-tile = Kein Zugriff auf Ihr Konto?
welcome-ways = Zwei Wege zum Anfang
welcome-way-pc = An Ihrem PC: Wählen Sie auf dem Anmeldebildschirm „{ $tile }“. Ist das nicht zu sehen, wählen Sie zuerst „Anderer Benutzer“.
welcome-way-web = Auf einem Telefon oder einem anderen Rechner: Geben Sie die Webadresse ein, oder scannen Sie den Code.
welcome-steps = Dann
welcome-step-first = Wählen Sie „Ich bin heute zum ersten Mal da“.
welcome-step-user = Geben Sie Ihre Benutzerkennung ein.
welcome-step-prove = Zeigen Sie, dass Sie es sind: Ein Code geht an die private Adresse, die Sie uns gegeben haben. Geben Sie ihn ein.
welcome-step-password = Wählen Sie Ihr Passwort. Melden Sie sich damit an Ihrem PC an.
welcome-safe = Bleiben Sie sicher
welcome-safe-nobody-asks = Sagen Sie niemandem Ihre Codes und Ihr Passwort. Niemand von { $tenant } fragt danach.
welcome-safe-address = Bevor Sie im Web etwas eingeben, sehen Sie nach, ob die Adresse mit { $address } beginnt.
welcome-safe-found = Dieses Blatt öffnet nichts von selbst. Verlieren Sie es, geschieht nichts; gehört es nicht Ihnen, werfen Sie es weg.
welcome-help = Wenn etwas nicht geht
