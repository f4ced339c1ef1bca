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
view-new-password-title = Neues Passwort setzen
view-new-password-text = Nehmen Sie eines, das Sie sonst nirgends verwenden.
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
mail-help = Hilfe: { $help }
mail-case = Fallcode: { $case }
