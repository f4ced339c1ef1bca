# Was Menschen lesen, auf Deutsch. Die Schlüssel erklärt en.ftl.

## Frame
frame-default-tenant = Hilfe beim Anmelden
frame-title = { $page } – { $tenant }
frame-title-error = Fehler: { $page } – { $tenant }
frame-settings = Darstellung
frame-language = Sprache
frame-text-size = Textgröße
frame-text-size-value = { $percent } %
frame-contrast = Kontrast
frame-contrast-windows = Wie Windows
frame-contrast-device = Wie dieses Gerät
frame-contrast-light = Hell
frame-contrast-dark = Dunkel
frame-contrast-high = Hoch
frame-get-help = Hilfe holen
frame-cancel = Beenden
frame-leave = Zurück zur Anmeldung
frame-case = Fall
frame-back = Zurück
frame-continue = Weiter
frame-moment = Einen Moment. Das dauert wenige Sekunden.
frame-no-connection = Keine Verbindung. Wir versuchen es weiter.
error-summary-title = Es gibt ein Problem

## Start
start-title = Wobei brauchen Sie Hilfe?
start-cant-sign-in = Ich kann mich nicht anmelden
start-cant-sign-in-text = Konto gesperrt oder Passwort vergessen
start-first-day = Ich bin heute zum ersten Mal da
start-first-day-text = Das erste Passwort setzen
start-after-network = Dieser PC nimmt ein neues Passwort erst an, wenn er das Firmennetz erreicht hat.

## User ID
user-id-title = Wie lautet Ihre Benutzerkennung?
user-id-known = Ist das Ihre Benutzerkennung?
user-id-help = Oft Ihre Mailadresse in der Firma. Sie geben sie beim Anmelden ein.
user-id-help-first-day = Sie steht im Willkommensbrief Ihres Arbeitgebers.
user-id-missing = Geben Sie Ihre Benutzerkennung ein

## Choose method
choose-method-title = Wie möchten Sie zeigen, dass Sie es sind?
choose-method-second = Jetzt ein zweiter Nachweis, dass Sie es sind
choose-method-email = Code an { $address } senden
choose-method-email-spoken = Code an die Mailadresse senden, die mit { $mailbox } beginnt, bei einer Domain, die mit { $domain } beginnt

## Enter code
enter-code-title = Geben Sie die { $digits } Ziffern aus der Mail ein
enter-code-second = Schritt { $number } von { $of }: Geben Sie die { $digits } Ziffern aus der Mail ein
enter-code-sent = Wenn die Kennung stimmt und eingerichtet ist, ist ein Code unterwegs. Das kann eine Minute dauern.
enter-code-user-id = Kennung
enter-code-change = Ändern
enter-code-change-spoken = Kennung ändern
enter-code-mail = Mail an
enter-code-mail-seen = { $address }
enter-code-mail-spoken = die Mailadresse, die mit { $mailbox } beginnt, bei einer Domain, die mit { $domain } beginnt
enter-code-good-for = { $minutes ->
    [one] Der Code gilt noch etwa { $minutes } Minute.
   *[other] Der Code gilt noch etwa { $minutes } Minuten.
}
enter-code-expired = Dieser Code ist abgelaufen. Fordern Sie einen neuen an.
enter-code-again = Noch einmal senden
enter-code-again-in = { $seconds ->
    [one] Noch einmal senden in { $seconds } Sekunde
   *[other] Noch einmal senden in { $seconds } Sekunden
}
enter-code-again-sent = Ein neuer Code ist unterwegs. Nur der neueste gilt.
enter-code-other-way = Anderen Weg wählen
enter-code-none = Kein Code?
enter-code-none-text = Prüfen Sie die Kennung oben. Sehen Sie im Spam-Ordner nach.
enter-code-missing = Geben Sie die { $digits } Ziffern aus der Mail ein

## Checking
checking-title = Wir sehen nach Ihrem Konto
checking-text = Das dauert wenige Sekunden.
checking-long = Es dauert länger als sonst. Wir fragen bis zu einer Minute lang.

## Choice
choice-locked-title = Ihr Konto ist gesperrt. Kennen Sie Ihr Passwort?
choice-locked-title-no-choice = Ihr Konto ist gesperrt
choice-locked-unlock = Ja, entsperren Sie mein Konto
choice-locked-unlock-text = Sie behalten Ihr Passwort
choice-locked-reset = Nein, oder ich bin nicht sicher
choice-locked-reset-text = Sie setzen ein neues Passwort
choice-nothing-wrong-title = Ihr Konto ist in Ordnung. Kennen Sie Ihr Passwort?
choice-nothing-wrong-reset = Nein: neues Passwort setzen
choice-nothing-wrong-change = Ja, und ich möchte ein neues
choice-nothing-wrong-know = Ja, ich kenne mein Passwort
choice-nothing-wrong-know-text = Dann prüfen Sie diese vier Dinge
choice-nothing-wrong-tip-1 = Die Feststelltaste ist aus.
choice-nothing-wrong-tip-2 = Die Tastatur steht auf Ihrer Sprache.
choice-nothing-wrong-tip-3 = Sie geben das Passwort ein, nicht die PIN.
choice-nothing-wrong-tip-4 = Dieser PC ist im Netz.
choice-password-expired-title = Ihr Passwort ist abgelaufen
choice-known-password-expired-title = Ihr Passwort ist abgelaufen. Kennen Sie es?
choice-password-expired-text = Setzen Sie ein neues, dann geht es weiter.
choice-must-change-title = Zeit für ein neues Passwort
choice-known-must-change-title = Zeit für ein neues Passwort. Kennen Sie das jetzige?
choice-must-change-text = Das jetzige muss vor dem Anmelden geändert werden.
choice-known-change = Ja, ich ändere es
choice-known-change-text = Was es schützt, bleibt erhalten
choice-known-reset = Nein, oder ich bin nicht sicher
choice-known-reset-text = Sie setzen ein neues Passwort
choice-never-used-title = Willkommen. Ihr Konto ist bereit
choice-never-used-text = Es fehlt nur ein Passwort, das Sie wählen.
choice-reset = Neues Passwort setzen
choice-reset-first = Erstes Passwort setzen
choice-unlock = Mein Konto entsperren
choice-disabled-title = Ihr Konto ist abgeschaltet
choice-disabled-text = Nur die IT kann es einschalten. Nichts wurde geändert.
choice-account-expired-title = Ihr Konto ist ausgelaufen
choice-account-expired-text = Ihre Führungskraft kann es bei der IT verlängern lassen. Nichts wurde geändert.
choice-smart-card-only-title = Sie melden sich mit einer Smartcard an
choice-smart-card-only-text = Ein neues Passwort hilft dabei nicht. Geht Ihre Karte nicht, holen Sie Hilfe. Nichts wurde geändert.
choice-too-new-title = Ihr Passwort ist noch zu neu für eine Änderung
choice-too-new-text = In Ihrer Firma gilt ein Passwort eine Weile, oft einen Tag. Versuchen Sie es morgen oder holen Sie Hilfe. Nichts wurde geändert.
choice-protected-title = Dieses Konto ist besonders geschützt
choice-protected-text = Nur eine Administratorin oder ein Administrator kann helfen. Nichts wurde geändert.
choice-two-forests-title = Sie haben ein Konto in zwei Verzeichnissen der Firma
choice-two-forests-text = Die IT muss sagen, welches gilt. Holen Sie Hilfe. Nichts wurde geändert.
choice-unreachable-title = Wir sehen Ihr Konto gerade nicht
choice-unreachable-text = Das Verzeichnis der Firma antwortet nicht. Nichts wurde geändert. Versuchen Sie es in ein paar Minuten.

## New password
new-password-title = Setzen Sie ein neues Passwort
new-password-title-first = Setzen Sie Ihr erstes Passwort
new-password-help = Drei oder vier Wörter, die Sie sich merken, sind ein starkes.
new-password-show = Zeigen
new-password-show-spoken = Passwort zeigen
new-password-hide = Verdecken
new-password-hide-spoken = Passwort verdecken
new-password-shown = Ihr Passwort ist sichtbar.
new-password-hidden = Ihr Passwort ist verdeckt.
new-password-caps-lock = Die Feststelltaste ist an.
new-password-keyboard = Tastatur: { $layout }
new-password-rules = Ihr Passwort braucht
new-password-rule-too-short = { $count ->
    [one] Mindestens { $count } Zeichen
   *[other] Mindestens { $count } Zeichen
}
new-password-rule-too-long = Höchstens { $count } Zeichen
new-password-rule-too-few-classes = { $count ->
    [one] { $count } davon: ABC, abc, 123, Sonderzeichen
   *[other] { $count } davon: ABC, abc, 123, Sonderzeichen
}
new-password-rule-contains-name = Keinen Teil Ihres Namens oder der Kennung
new-password-rule-unusable-character = Keine Tabulatoren oder Zeilenumbrüche
new-password-rule-history = { $count ->
    [one] Nicht Ihr letztes Passwort
   *[other] Keines Ihrer letzten { $count } Passwörter
}
new-password-rule-incomplete = Weitere Regeln Ihrer Firma sind möglich.
new-password-met = Erfüllt: { $rule }
new-password-open = Noch nicht: { $rule }
new-password-count = { $met } von { $all } erfüllt.
new-password-submit = Passwort setzen
new-password-missing = Geben Sie ein neues Passwort ein
new-password-unmet-too-short = { $count ->
    [one] Machen Sie es länger: mindestens { $count } Zeichen
   *[other] Machen Sie es länger: mindestens { $count } Zeichen
}
new-password-unmet-too-long = Machen Sie es kürzer: höchstens { $count } Zeichen
new-password-unmet-too-few-classes = Mischen Sie mehr Arten: { $count } von ABC, abc, 123, Sonderzeichen
new-password-unmet-contains-name = Lassen Sie Ihren Namen und Ihre Kennung weg
new-password-unmet-unusable-character = Lassen Sie Tabulatoren und Zeilenumbrüche weg
new-password-refused-too-short = Das war zu kurz. Wählen Sie ein längeres.
new-password-refused-too-long = Das war zu lang. Wählen Sie ein kürzeres.
new-password-refused-too-few-classes = Das hatte zu wenige Arten von Zeichen. Mischen Sie ABC, abc, 123 und Sonderzeichen.
new-password-refused-contains-name = Darin stand Ihr Name. Wählen Sie eines ohne ihn.
new-password-refused-unusable-character = Darin war ein Zeichen, das nicht geht. Wählen Sie ein anderes Passwort.
new-password-refused-used-before = Das hatten Sie schon einmal. Wählen Sie ein neues.
new-password-refused-too-new = Ihr jetziges Passwort ist zu neu zum Ändern. Versuchen Sie es morgen oder holen Sie Hilfe.
new-password-refused-too-common = Das ist leicht zu erraten. Wählen Sie ein selteneres.
new-password-refused-rules = Die Regeln Ihrer Firma erlauben das nicht. Wählen Sie ein längeres mit anderen Wörtern.

## Change password
change-password-title = Ändern Sie Ihr Passwort
change-password-present = Ihr jetziges Passwort
change-password-new = Ihr neues Passwort
change-password-submit = Passwort ändern
change-password-present-missing = Geben Sie Ihr jetziges Passwort ein
change-password-same = Wählen Sie ein anderes als das jetzige
change-password-wrong = Das ist nicht Ihr jetziges Passwort. Sie können es noch einmal versuchen.

## Working
working-unlock-title = Wir entsperren Ihr Konto
working-reset-title = Wir setzen Ihr neues Passwort
working-change-title = Wir ändern Ihr Passwort
working-text = Das dauert wenige Sekunden. Bleiben Sie auf dieser Seite.
working-long = Es dauert länger als sonst. Wir warten bis zu zwei Minuten. Bleiben Sie auf dieser Seite.

## Done
done-unlock-title = Ihr Konto ist entsperrt
done-unlock-text = Melden Sie sich mit dem Passwort an, das Sie kennen.
done-unlock-next = Wird es wieder gesperrt, hat vielleicht ein Telefon oder Tablet noch ein altes Passwort: Ändern Sie es dort zuerst.
done-reset-title = Ihr neues Passwort ist gesetzt
done-reset-title-first = Ihr erstes Passwort ist gesetzt
done-reset-now = Melden Sie sich jetzt an diesem PC damit an.
done-reset-after-network = Dieser PC nimmt es, sobald er das Firmennetz erreicht. Bis dahin gilt hier das alte.
done-reset-only-on-network = Dieser PC nimmt es, sobald er das Firmennetz erreicht.
done-reset-looking = Wir sehen nach, ob dieser PC das Firmennetz erreicht. Das dauert bis zu einer Minute.
done-reset-unknown = Melden Sie sich damit an. Ein PC außerhalb des Firmennetzes muss sich vielleicht erst verbinden.
done-later = Bis es an Ihrem Standort gilt, kann es einige Minuten dauern.
done-reset-next = Ändern Sie es dann auch auf Telefon und Tablet, sonst sperren die Sie wieder aus.
done-reset-next-first = Behalten Sie es für sich. Die IT fragt nie danach.
done-still = Es geht immer noch nicht: neues Passwort setzen
done-finish = Fertig

## Not done
not-done-unlock-title = Ihr Konto ist nicht entsperrt
not-done-reset-title = Ihr Passwort ist nicht geändert
not-done-change-title = Ihr Passwort ist nicht geändert
not-done-changed = Jemand hat Ihr Konto im selben Moment geändert. Versuchen Sie es noch einmal.
not-done-protected = Dieses Konto ist besonders geschützt. Nur eine Administratorin oder ein Administrator kann helfen.
not-done-no-account = Ihr Konto ist nicht mehr im Verzeichnis. Holen Sie Hilfe.
not-done-no-right = Wir dürfen Ihr Konto nicht ändern. Holen Sie Hilfe: Die IT kann das richten.
not-done-agent-limit = Das ist gerade angehalten. Versuchen Sie es später oder holen Sie Hilfe.
not-done-switched-off = Änderungen an Konten sind gerade ausgeschaltet. Versuchen Sie es später oder holen Sie Hilfe.
not-done-directory-unreachable = Das Verzeichnis der Firma antwortet nicht. Versuchen Sie es in ein paar Minuten.
not-done-expired = Es hat zu lange gedauert, darum haben wir aufgehört. Versuchen Sie es noch einmal.
not-done-not-opened = Bei uns hat sich etwas geändert. Versuchen Sie es noch einmal.
not-done-no-agent = Das Verzeichnis der Firma ist gerade nicht erreichbar. Versuchen Sie es in ein paar Minuten.
not-done-old-password = Das ist nicht Ihr jetziges Passwort. Setzen Sie stattdessen ein neues.
not-done-two-forests = Sie haben ein Konto in zwei Verzeichnissen der Firma. Holen Sie Hilfe: Die IT muss sagen, welches gilt.
not-done-smart-card-only = An diesem Konto melden Sie sich mit einer Smartcard an. Ein neues Passwort hilft nicht. Holen Sie Hilfe.
not-done-still = Ihr altes Passwort bleibt, wie es war.
not-done-try-unlock = Noch einmal entsperren
not-done-try-reset = Neues Passwort setzen
not-done-try-change = Noch einmal ändern

## Not known
not-known-title = Wir wissen noch nicht, ob es geklappt hat
not-known-unlock-text = Warten Sie fünf Minuten. Melden Sie sich dann mit dem Passwort an, das Sie kennen.
not-known-reset-text = Warten Sie fünf Minuten. Melden Sie sich dann mit dem neuen Passwort an. Geht das nicht, nehmen Sie das alte.
not-known-change-text = Warten Sie fünf Minuten. Melden Sie sich dann mit dem neuen Passwort an. Geht das nicht, nehmen Sie das alte.
not-known-next = Geht nichts davon, holen Sie Hilfe und nennen Sie den Fallcode.

## Ended
ended-finished-title = Alles erledigt
ended-finished-text = Sie können diese Seite schließen und sich anmelden.
ended-cancelled-title = Beendet
ended-cancelled-text = Es geschieht nichts mehr. Sie können diese Seite schließen.
ended-idle-title = Zu Ihrer Sicherheit geschlossen
ended-idle-text = Fünf Minuten lang ist nichts geschehen.
ended-too-long-title = Die Zeit ist um
ended-too-long-text = Damit Ihr Konto sicher bleibt, endet dies nach einer Stunde.
ended-replaced-title = Das ging anderswo weiter
ended-replaced-text = Ein neuerer Versuch für dasselbe Konto hat übernommen. Waren Sie das nicht, holen Sie Hilfe.
ended-too-many-tries-title = Zu viele falsche Codes
ended-too-many-tries-text = Damit Ihr Konto sicher bleibt, haben wir aufgehört. Holen Sie Hilfe oder versuchen Sie es später.
ended-unknown-title = Diese Seite ist nicht mehr aktuell
ended-unknown-text = Fangen Sie noch einmal an. Es dauert ein paar Minuten.
ended-again = Von vorn anfangen

## Unreachable
unreachable-offline-title = Dieses Gerät ist nicht online
unreachable-offline-text = Verbinden Sie es mit einem Netz und versuchen Sie es noch einmal.
unreachable-proxy-title = Der Proxy Ihres Netzes hält uns auf
unreachable-proxy-text = Nehmen Sie ein anderes Netz oder holen Sie Hilfe: Die IT kann uns durchlassen.
unreachable-clock-title = Datum oder Uhrzeit dieses Geräts stimmen nicht
unreachable-clock-text = Stellen Sie beides richtig und versuchen Sie es noch einmal.
unreachable-certificate-title = Die Verbindung ist nicht sicher
unreachable-certificate-text = Etwas in diesem Netz gibt sich für unseren Dienst aus. Nehmen Sie ein anderes Netz.
unreachable-captive-portal-title = Dieses Netz will zuerst eine Anmeldung
unreachable-captive-portal-text = Öffnen Sie seine Begrüßungsseite, stimmen Sie dort zu und versuchen Sie es noch einmal. Der Hotspot eines Telefons geht auch.
unreachable-service-title = Unser Dienst antwortet nicht
unreachable-service-text = Ihr Netz ist in Ordnung. Versuchen Sie es in ein paar Minuten.
unreachable-retry = Noch einmal versuchen

## Get help
get-help-title = Hilfe holen
get-help-text = Nennen Sie den Fallcode. Man sieht dort, wo Sie stehen, nie Ihr Passwort.
get-help-text-no-case = Hier hilft man Ihnen beim Anmelden. Nach Ihrem Passwort fragt man nie.
get-help-phone = Telefon
get-help-hours = Besetzt
get-help-url = Webseite
get-help-qr = Mit dem Telefon scannen
get-help-qr-spoken = QR-Code für { $url }
get-help-case = Fallcode
get-help-nobody = Fragen Sie jemanden im Haus nach der Nummer der IT.

## Still there?
still-there-title = Sind Sie noch da?
still-there-text = { $seconds ->
    [one] Damit Ihr Konto sicher bleibt, schließen wir dies in etwa { $seconds } Sekunde. Mit jeder Taste geht es weiter.
   *[other] Damit Ihr Konto sicher bleibt, schließen wir dies in etwa { $seconds } Sekunden. Mit jeder Taste geht es weiter.
}
still-there-go-on = Weiter

## Errors
error-malformed = Prüfen Sie Ihre Eingabe und versuchen Sie es noch einmal
error-malformed-user-id = Prüfen Sie die Kennung: bis zu 256 Zeichen, keine Zeilenumbrüche
error-bot-check-failed = Wir konnten nicht feststellen, dass ein Mensch hier ist. Versuchen Sie es noch einmal
error-code-wrong = Dieser Code passt nicht. Nehmen Sie die Ziffern aus der neuesten Mail
error-code-expired = Dieser Code ist abgelaufen. Fordern Sie einen neuen an
error-seal-rejected = Bei uns hat sich etwas geändert. Geben Sie das Passwort noch einmal ein
error-recipients-changed = Bei uns hat sich etwas geändert. Geben Sie das Passwort noch einmal ein
error-too-many = { $minutes ->
    [one] Das war zu oft. Versuchen Sie es in etwa { $minutes } Minute
   *[other] Das war zu oft. Versuchen Sie es in etwa { $minutes } Minuten
}
error-account-busy = Dieses Konto wird gerade geändert. Versuchen Sie es in einer halben Minute noch einmal
error-directory-unavailable = Das Verzeichnis der Firma antwortet gerade nicht. Versuchen Sie es in ein paar Minuten
error-recovery-paused = Das ist gerade angehalten. Versuchen Sie es später oder holen Sie Hilfe
error-mail-unavailable = Wir können gerade keine Mail senden. Versuchen Sie es in ein paar Minuten
error-unknown-host = Diese Adresse gehört nicht zu uns. Prüfen Sie die Adresse der Seite
error-wrong-tenant = Diese App gehört zu einer anderen Firma. Holen Sie Hilfe
error-unavailable = Bei uns ist viel los. Versuchen Sie es in einer Minute
error-internal = Bei uns ging etwas kaputt. Versuchen Sie es noch einmal oder holen Sie Hilfe
error-changed = Inzwischen hat sich etwas geändert. Sehen Sie sich diese Seite noch einmal an
error-earlier-password = Es gilt das Kennwort, das Sie zuerst eingegeben haben
error-unreachable-offline = Dieses Gerät ist nicht online. Verbinden Sie es mit einem Netz und versuchen Sie es noch einmal
error-unreachable-proxy = Der Proxy Ihres Netzes hält uns auf. Nehmen Sie ein anderes Netz
error-unreachable-clock = Datum oder Uhrzeit dieses Geräts stimmen nicht. Stellen Sie beides richtig und versuchen Sie es noch einmal
error-unreachable-certificate = Die Verbindung ist nicht sicher. Nehmen Sie ein anderes Netz
error-unreachable-captive-portal = Dieses Netz will zuerst eine Anmeldung. Erledigen Sie das und versuchen Sie es noch einmal
error-unreachable-service = Unser Dienst antwortet nicht. Versuchen Sie es in einer Minute
